/* `ggdm version`.  Each library is known in one module only, so their versions are asked for by
 * symbol name, without their headers. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/isa.h"
#include "common/version.h"
#include "coordinator/cmd/command.h"

typedef union symbol {
    void *address;
    const char *(*text)(void);
    const char *(*text_of)(void *);
    int (*number)(void);
    int (*mpi)(char *text, int *length);
    void (*lapack)(int *major, int *minor, int *patch);
    const struct {
        int major, minor, patch;
    } * (*onednn)(void);
} symbol;

/* Room for MPI_MAX_LIBRARY_VERSION_STRING of any MPI. */
#define MPI_TEXT 8192

static const char *mpi_version(symbol s)
{
    static char text[MPI_TEXT];
    int length = 0;
    if (s.mpi(text, &length) != 0)
        return "?";
    text[strcspn(text, ",\n")] = '\0';
    return text;
}

static const char *onednn_version(symbol s)
{
    static char text[48];
    snprintf(text, sizeof text, "%d.%d.%d", s.onednn()->major, s.onednn()->minor,
             s.onednn()->patch);
    return text;
}

static const char *lapack_version(symbol s)
{
    static char text[48];
    int major = 0, minor = 0, patch = 0;
    s.lapack(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

static const char *png_version(symbol s)
{
    return s.text_of(NULL);
}

static const char *plain(symbol s)
{
    return s.text();
}

static const struct {
    const char *library, *symbol;
    const char *(*get)(symbol s);
} libraries[] = {
    {"MPI", "MPI_Get_library_version", mpi_version}, {"oneDNN", "dnnl_version", onednn_version},
    {"SQLite", "sqlite3_libversion", plain},         {"libpng", "png_get_libpng_ver", png_version},
    {"libyaml", "yaml_get_version_string", plain},   {"jansson", "jansson_version_str", plain},
    {"libarchive", "archive_version_string", plain}, {"zlib", "zlibVersion", plain},
    {"LAPACK", "ilaver_", lapack_version},
};

void ggdm_each_library(ggdm_library_visitor visit, void *context)
{
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        symbol s = {.address = dlsym(RTLD_DEFAULT, libraries[i].symbol)};
        visit(context, libraries[i].library, s.address ? libraries[i].get(s) : "not linked");
    }
}

static void print_library(void *context, const char *name, const char *version)
{
    (void)context;
    printf("  %-12s %s\n", name, version);
}

static error_t parse_version_option(int key, char *arg, struct argp_state *state)
{
    (void)arg, (void)state;
    return key == ARGP_KEY_ARG ? EINVAL : ARGP_ERR_UNKNOWN;
}

int ggdm_cmd_version(int argc, char **argv)
{
    static const struct argp argp = {NULL,
                                     parse_version_option,
                                     NULL,
                                     "Print the versions of ggdm and of its libraries.\v"
                                     "Example:\n  ggdm version",
                                     NULL,
                                     NULL,
                                     NULL};
    if (ggdm_command_parse(&argp, argc, argv, NULL))
        return GGDM_EXIT_USAGE;
    printf("ggdm %s\n", ggdm_version);
    printf("  %-12s %s\n", "compiler", __VERSION__);
    ggdm_isa isa;
    ggdm_error err = {0};
    bool known = ggdm_isa_choose(&isa, &err) == GGDM_OK;
    printf("  %-12s %s\n", "best ISA", known ? ggdm_isa_name(isa) : err.msg);
    ggdm_each_library(print_library, NULL);
    return GGDM_EXIT_OK;
}
