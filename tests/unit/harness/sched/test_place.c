/* Where runs go on GPUs: whole sequences of decisions. */
#include "t.h"

#include "core/base/str.h"
#include "harness/sched/place.h"

static struct gpu two[] = {{.kind = (char *)"cuda:0", .free = 10},
                           {.kind = (char *)"cuda:1", .free = 4}};

/* A script of words: "3" a run that needs 3; "a3" one that must be alone; "@1:3" only on GPU 1;
 * "w0" a run waits to be alone on GPU 0; "-0:3" one of 3 there ends; "x1" GPU 1 is lost. What comes
 * of each run: its GPU, or '-'. */
static char *play(size_t n, size_t slots, const char *script)
{
    const struct gpus g = {.items = two, .n = n};
    struct places p;
    struct str out = STR_INIT;
    char *copy = strdup(script), *rest = NULL;
    places_init(&p, &g, slots);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        const char *colon = strchr(word, ':');
        double need = strtod(colon ? colon + 1 : word + (*word == 'a'), NULL);
        int place = (int)strtol(word + 1, NULL, 10);
        if (*word == 'x') {
            str_addf(&out, "%s", places_lose(&p, place) ? "lost " : "again ");
        } else if (*word == 'w') {
            places_want(&p, place, true);
        } else if (*word == '-') {
            places_give(&p, place, need);
        } else {
            place = places_find(&p, need, *word == 'a', *word == '@' ? place : -1);
            if (place >= 0)
                places_take(&p, place, need, *word == 'a');
            str_addf(&out, place < 0 ? "- " : "%d ", place);
        }
    }
    str_addf(&out, "| %zu left, %zu slots", places_left(&p), places_all(&p));
    places_release(&p);
    free(copy);
    return str_detach(&out);
}

static void runs_go_where_there_is_room(void **state)
{
    (void)state;
    static const struct {
        size_t n, slots;
        const char *script, *want;
    } cases[] = {
        {1, 0, "1 1 1 1 1", "0 0 0 0 - | 1 left, 4 slots"},     // four at most
        {1, 0, "4 4 4", "0 0 - | 1 left, 4 slots"},             // by memory
        {1, 9, "1 1 1 1 1 1", "0 0 0 0 0 0 | 1 left, 9 slots"}, // as many as told
        {2, 2, "1 1 1 1 1", "0 1 0 1 - | 2 left, 4 slots"},     // in turn
        {2, 4, "3 3 3 3", "0 1 0 0 | 2 left, 8 slots"},         // the small one is full
        {1, 4, "50 1", "0 - | 1 left, 4 slots"},                // more than there is: alone, tried
        {1, 4, "1 50 -0:1 50", "0 - 0 | 1 left, 4 slots"},      // and waits until it is
        {1, 4, "1 a1 -0:1 a1 1", "0 - 0 - | 1 left, 4 slots"},  // alone
        {2, 4, "@1:1 @1:1 a1 1", "1 1 0 1 | 2 left, 8 slots"},  // named
        {2, 4, "w0 1 1 a1 1", "1 1 0 1 | 2 left, 8 slots"},     // kept for one
        {2, 1, "1 1 x0 x0 -0:1 1 -1:1 1", "0 1 lost again - 1 | 1 left, 1 slots"},
        {2, 4, "1 x0 x1 1", "0 lost lost - | 0 left, 0 slots"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *got = play(cases[i].n, cases[i].slots, cases[i].script);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("'%s' gives '%s', want '%s'", cases[i].script, got, cases[i].want);
        free(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_go_where_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
