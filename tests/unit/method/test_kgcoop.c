/* KgCoOp against autograd (tests/oracle/context). */
#include "method/steps.h"

static void loss_gradient_and_twenty_steps_match_autograd(void **unused)
{
    (void)unused;
    struct steps s;
    steps_open(&s, "kgcoop");
    for (int rank = 0; rank <= 2; rank += 2) {
        char *name = str_format("%d", rank);
        char *params = str_format(
            "{\"context\": \"a photo of a\", \"teacher-template\": \"a {} pic, of it.\", "
            "\"weight\": 8, \"rank\": %d, \"dropout\": 0.1, \"zero\": \"A\", \"std\": 0.02}",
            rank);
        steps_check(&s, name, params, NULL);
        free(name);
        free(params);
    }
    steps_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_gradient_and_twenty_steps_match_autograd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
