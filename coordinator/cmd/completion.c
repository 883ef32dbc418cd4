#include "coordinator/cmd/completion.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

typedef enum kind { NOTHING, WORDS, DIRECTORY, FILE_OF_ANY_KIND, YAML_FILE } kind;

static kind kind_of(const char *word, size_t n)
{
    static const struct {
        const char *end;
        kind kind;
    } ends[] = {
        {"DIR", DIRECTORY}, {"MODEL", DIRECTORY}, {"FILE", FILE_OF_ANY_KIND}, {".yaml", YAML_FILE}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t m = strlen(ends[i].end);
        if (n >= m && strncmp(word + n - m, ends[i].end, m) == 0)
            return ends[i].kind;
    }
    return n > 1 && islower((unsigned char)*word) ? WORDS : NOTHING;
}

/* ---- what both shells share ---- */

typedef struct pen {
    FILE *out;
    const char *command;
} pen;

/* The words of args_doc, without brackets. */
static void each_argument(const char *args, void (*visit)(FILE *out, const char *word, size_t n),
                          FILE *out)
{
    const char *const apart = " []\n.";
    for (size_t n; args && *(args += strspn(args, " []\n")); args += n) {
        n = strcspn(args, " []\n");
        while (n && strchr(apart, args[n - 1])) /* ARG... */
            n--;
        visit(out, args, n);
        n = strcspn(args, " []\n");
    }
}

static void put_words(FILE *out, const char *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fputc(words[i] == '|' ? ' ' : words[i], out);
}

/* ---- bash ---- */

static void bash_choice(FILE *out, const char *word, size_t n)
{
    static const char *const calls[] = {[DIRECTORY] = "_ggdm_files -d",
                                        [FILE_OF_ANY_KIND] = "_ggdm_files -f",
                                        [YAML_FILE] =
                                            "_ggdm_files -d; _ggdm_files -f -X '!*.yaml'"};
    kind k = kind_of(word, n);
    if (k == WORDS) {
        fputs(" _ggdm_words '", out);
        put_words(out, word, n);
        fputs("';", out);
    } else if (k != NOTHING)
        fprintf(out, " %s;", calls[k]);
}

static void bash_option_name(void *context, const struct argp_option *o)
{
    FILE *out = context;
    if (o->name)
        fprintf(out, " --%s", o->name);
}

static void bash_option_value(void *context, const struct argp_option *o)
{
    const pen *p = context;
    if (!o->name || !o->arg)
        return;
    fprintf(p->out, "        '%s --%s'", p->command, o->name);
    if (isgraph(o->key))
        fprintf(p->out, "|'%s -%c'", p->command, o->key);
    fputc(')', p->out);
    bash_choice(p->out, o->arg, strlen(o->arg));
    fputs(" return ;;\n", p->out);
}

void ggdm_completion_bash(FILE *out, const ggdm_command *commands, size_t n)
{
    fputs("# Written by `ggdm manual`.\n"
          "_ggdm_words() { COMPREPLY+=($(compgen -W \"$1\" -- \"$cur\")); }\n"
          "_ggdm_files() {\n"
          "    compopt -o filenames 2>/dev/null\n"
          "    local IFS=$'\\n'\n"
          "    COMPREPLY+=($(compgen \"$@\" -- \"$cur\"))\n"
          "}\n"
          "_ggdm() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]-}\"\n"
          "    COMPREPLY=()\n"
          "    [ \"$cur\" != = ] || cur=\n" /* --option=VALUE is three words */
          "    [ \"$prev\" != = ] || prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ] || [ \"$command $COMP_CWORD\" = 'help 2' ]; then\n"
          "        _ggdm_words 'help",
          out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name && !strchr(commands[i].name, ' '))
            fprintf(out, " %s", commands[i].name);
    fputs("'\n        return\n    fi\n", out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name && strchr(commands[i].name, ' '))
            fprintf(out, "    [ \"$two\" != '%s' ] || command=$two\n", commands[i].name);
    fputs("    case \"$command $prev\" in\n", out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name) {
            pen p = {.out = out, .command = commands[i].name};
            const struct argp argp = ggdm_command_argp(&commands[i]);
            ggdm_each_option(&argp, bash_option_value, &p);
        }
    fputs("    esac\n    case \"$command\" in\n", out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name) {
            const struct argp argp = ggdm_command_argp(&commands[i]);
            fprintf(out,
                    "        '%s')\n            case $cur in\n                -*) _ggdm_words '",
                    commands[i].name);
            ggdm_each_option(&argp, bash_option_name, out);
            fputs("' ;;\n                *)", out);
            each_argument(argp.args_doc, bash_choice, out);
            fputs(" ;;\n            esac ;;\n", out);
        }
    fputs("    esac\n}\ncomplete -F _ggdm ggdm\n", out);
}

/* ---- zsh ---- */

/* Inside single quotes, and inside the brackets or between the colons of a specification. */
static void zsh_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", out);
        else if (strchr("[]:\\", *text))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
}

/* ":MESSAGE:ACTION" of an argument. */
static void zsh_choice(FILE *out, const char *word, size_t n)
{
    static const char *const actions[] = {[NOTHING] = " ",
                                          [DIRECTORY] = "_directories",
                                          [FILE_OF_ANY_KIND] = "_files",
                                          [YAML_FILE] = "_files -g \"*.yaml\""};
    kind k = kind_of(word, n);
    char message[64];
    snprintf(message, sizeof message, "%.*s", (int)n, word);
    fputc(':', out);
    zsh_text(out, message);
    fputc(':', out);
    if (k == WORDS) {
        fputc('(', out);
        put_words(out, word, n);
        fputc(')', out);
    } else
        fputs(actions[k], out);
}

static void zsh_argument(FILE *out, const char *word, size_t n)
{
    fputs(" \\\n                '", out);
    zsh_choice(out, word, n);
    fputc('\'', out);
}

static void zsh_spec(FILE *out, const struct argp_option *o, const char *spelling)
{
    fprintf(out, " \\\n                '%s[", spelling);
    zsh_text(out, o->doc);
    fputc(']', out);
    if (o->arg)
        zsh_choice(out, o->arg, strlen(o->arg));
    fputc('\'', out);
}

static void zsh_option(void *context, const struct argp_option *o)
{
    FILE *out = context;
    char spelling[96];
    if (!o->name)
        return;
    snprintf(spelling, sizeof spelling, "--%s%s", o->name, o->arg ? "=" : "");
    zsh_spec(out, o, spelling);
    if (!isgraph(o->key))
        return;
    snprintf(spelling, sizeof spelling, "-%c%s", o->key, o->arg ? "+" : "");
    zsh_spec(out, o, spelling);
}

void ggdm_completion_zsh(FILE *out, const ggdm_command *commands, size_t n)
{
    fputs("#compdef ggdm\n# Written by `ggdm manual`.\n"
          "_ggdm() {\n"
          "    local -a commands=(\n"
          "        'help:describe a command'\n",
          out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name && !strchr(commands[i].name, ' ')) {
            fprintf(out, "        '%s:", commands[i].name);
            zsh_text(out, commands[i].help);
            fputs("'\n", out);
        }
    fputs("    )\n"
          "    if (( CURRENT == 2 )) || [[ $words[2] == help ]]; then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n",
          out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name && strchr(commands[i].name, ' '))
            fprintf(out,
                    "    if [[ \"$words[2] $words[3]\" == '%s' ]]; then\n"
                    "        command='%s'\n        shift words\n        (( CURRENT-- ))\n    fi\n",
                    commands[i].name, commands[i].name);
    fputs("    shift words\n    (( CURRENT-- ))\n    case $command in\n", out);
    for (size_t i = 0; i < n; i++)
        if (commands[i].name) {
            const struct argp argp = ggdm_command_argp(&commands[i]);
            fprintf(out, "        '%s')\n            _arguments", commands[i].name);
            ggdm_each_option(&argp, zsh_option, out);
            each_argument(argp.args_doc, zsh_argument, out);
            fputs(" ;;\n", out);
        }
    fputs("    esac\n}\n_ggdm \"$@\"\n", out);
}
