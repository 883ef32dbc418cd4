/* What a world says: its own lines to the terminal, those of others to the log. */
#include "coordinator/world/relay.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/ggdm_test.h"

/* As Open MPI 4.1 mixes them: banners in the middle of a live line, a signal, a rank's last words.
 */
static const char said[] = "ggdm: 2 workers\n"
                           "\r[##........]  20 %  8/40 images\033[K"
                           "mpirun: Forwarding signal 10 to job\n"
                           "\r[####......]  40 %  16/40 images\033[K"
                           "--------------------\n"
                           "\n"
                           "MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD\n"
                           "ggdmx is not ours\n"
                           "\n"
                           "ggdm[2] error: no more\n"
                           "gg";
static const char shown[] = "ggdm: 2 workers\n"
                            "\r[##........]  20 %  8/40 images\033[K"
                            "\r[####......]  40 %  16/40 images\033[K"
                            "\n"
                            "ggdm[2] error: no more\n";
static const char kept[] = "mpirun: Forwarding signal 10 to job\n"
                           "--------------------\n"
                           "MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD\n"
                           "ggdmx is not ours\n"
                           "\n"
                           "gg";

/* In pieces of n bytes; returns what standard error got. */
static char *relay(const char *dir, size_t n, const char *log, ggdm_obituary *o)
{
    char *path = ggdm_test_path(dir, "terminal");
    int none[2], old = ggdm_test_stderr_to(path);
    ggdm_relay r;
    if (pipe(none) != 0)
        abort();
    ggdm_obituary_init(o);
    ggdm_relay_init(&r, none[0], none[1], log, o);
    for (size_t at = 0, len = sizeof said - 1; at < len; at += n)
        ggdm_relay_feed(&r, said + at, at + n < len ? n : len - at);
    ggdm_relay_close(&r);
    ggdm_test_stderr_back(old);
    char *text = ggdm_test_read(path, NULL);
    free(path);
    return text;
}

static void test_relay_tells_own_lines_from_those_of_others(void **state)
{
    (void)state;
    for (size_t n = 1; n < sizeof said; n += 7) {
        char *dir = ggdm_test_mkdtemp(), *log = ggdm_test_path(dir, "log");
        ggdm_obituary o;
        char *text = relay(dir, n, log, &o), *rest = ggdm_test_read(log, NULL);
        assert_string_equal(text, shown);
        assert_string_equal(rest, kept);
        assert_int_equal(o.rank, 2);
        free(text);
        free(rest);
        free(log);
        ggdm_test_rmdir(dir);
    }
}

static void test_relay_without_log_shows_all(void **state)
{
    (void)state;
    char *dir = ggdm_test_mkdtemp();
    ggdm_obituary o;
    char *text = relay(dir, 5, NULL, &o);
    assert_memory_equal(text, said, sizeof said - 1);
    assert_string_equal(text + sizeof said - 1, "\n");
    free(text);
    ggdm_test_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relay_tells_own_lines_from_those_of_others),
        cmocka_unit_test(test_relay_without_log_shows_all),
    };
    return ggdm_test_main(tests);
}
