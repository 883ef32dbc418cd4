/* Threads that share memory never have more than there is, but for one that wants more. */
#include "common/budget.h"

#include <sched.h>
#include <stdatomic.h>

#include "tests/support/ggdm_test.h"

enum { TOTAL = 100, LARGE = 1000, THREADS = 8, TIMES = 600 };

typedef struct world {
    ggdm_budget budget;
    atomic_long taken, most, beside_large;
} world;

static void *take_and_give(void *context)
{
    world *w = context;
    for (long i = 1; i <= TIMES; i++) {
        const long bytes = i % 50 == 0 ? LARGE : i * 7 % 61;
        ggdm_budget_take(&w->budget, (size_t)bytes);
        const long now = atomic_fetch_add(&w->taken, bytes) + bytes;
        if (now > LARGE)
            atomic_store(&w->beside_large, now);
        else if (now < LARGE && now > atomic_load(&w->most))
            atomic_store(&w->most, now);
        sched_yield();
        atomic_fetch_sub(&w->taken, bytes);
        ggdm_budget_give(&w->budget, (size_t)bytes);
    }
    return NULL;
}

static void test_budget_is_kept_by_all_threads(void **state)
{
    (void)state;
    static world w;
    pthread_t threads[THREADS];
    ggdm_budget_init(&w.budget, TOTAL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &w), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_in_range(atomic_load(&w.most), 60, TOTAL);
    assert_int_equal(atomic_load(&w.beside_large), 0);
    assert_int_equal(w.budget.taken, 0);
    ggdm_budget_deinit(&w.budget);
}

static void test_budget_is_given_out_to_its_end(void **state)
{
    (void)state;
    ggdm_budget b;
    ggdm_budget_init(&b, TOTAL);
    ggdm_budget_take(&b, 40); /* would wait for ever if the three did not fit */
    ggdm_budget_take(&b, 60);
    ggdm_budget_take(&b, 0);
    assert_int_equal(b.taken, TOTAL);
    ggdm_budget_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_is_kept_by_all_threads),
        cmocka_unit_test(test_budget_is_given_out_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
