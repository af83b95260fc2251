/* Checked allocation. */
#include "t.h"

#include "core/base/mem.h"

#include <sys/wait.h>

static void blocks_of_no_bytes_are_blocks(void **state)
{
    (void)state;
    void *a = mem_alloc(0, 8), *b = mem_zero(8, 0), *c = mem_aligned(0, 0),
         *d = mem_grow(NULL, 0, 4);
    assert_true(a && b && c && d);
    free(a);
    free(b);
    free(c);
    free(d);
}

static void zeroed_and_aligned_blocks_are_what_they_say(void **state)
{
    (void)state;
    unsigned char *zero = mem_zero(1000, 3);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(zero[i], 0);
    for (size_t bytes = 1; bytes < 300; bytes += 37) {
        unsigned char *aligned = mem_aligned(bytes, 1);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        memset(aligned, 1, bytes);
        free(aligned);
    }
    free(zero);
}

static void copies_are_terminated_and_their_own(void **state)
{
    (void)state;
    char text[] = "context";
    char *whole = mem_strdup(text), *part = mem_strndup(text, 3), *none = mem_strndup(text, 0);
    text[0] = 'X';
    assert_string_equal(whole, "context");
    assert_string_equal(part, "con");
    assert_string_equal(none, "");
    free(whole);
    free(part);
    free(none);
}

static void push_keeps_every_element_in_order(void **state)
{
    (void)state;
    int *items = NULL;
    size_t n = 0, capacity = 0;
    for (int i = 0; i < 10000; i++)
        MEM_PUSH(items, n, capacity) = i * i;
    assert_int_equal(n, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(items[i], i * i);
    free(items);
}

/* What a child that calls f() prints on stderr; its exit status in *status. */
static void run_in_child(void (*f)(void), char *text, size_t size, int *status)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        f();
        _exit(0);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; (n = read(ends[0], text + used, size - 1 - used)) > 0;)
        used += (size_t)n;
    text[used] = 0;
    close(ends[0]);
    assert_int_equal(waitpid(child, status, 0), child);
}

static volatile size_t huge = SIZE_MAX / 4;

static void ask_for_a_product_that_overflows(void)
{
    mem_zero(huge, 8);
}

static void a_product_that_overflows_ends_the_program_with_3(void **state)
{
    (void)state;
    char text[200], want[200];
    int status;
    run_in_child(ask_for_a_product_that_overflows, text, sizeof text, &status);
    snprintf(want, sizeof want, "out of memory: %zu x 8 bytes\n", (size_t)huge);
    assert_string_equal(text, want);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_no_bytes_are_blocks),
        cmocka_unit_test(zeroed_and_aligned_blocks_are_what_they_say),
        cmocka_unit_test(copies_are_terminated_and_their_own),
        cmocka_unit_test(push_keeps_every_element_in_order),
        cmocka_unit_test(a_product_that_overflows_ends_the_program_with_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
