/* LaTeX of any engine, with booktabs.  Letters that pdfLaTeX has not stand in \ggdmchar, which
 * shows them where the engine does and their number where it does not.  How numbers look is said
 * once, for a paper to say it otherwise. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "coordinator/show/markup.h"

/* ---- texts ----------------------------------------------------------------------------------- */

/* Those that do something, or may at the start of a row or beside their like ('[', '*', "--"). */
static const char *const ascii[128] = {
    ['\\'] = "\\textbackslash{}",
    ['{'] = "\\{",
    ['}'] = "\\}",
    ['%'] = "\\%",
    ['_'] = "\\_",
    ['&'] = "\\&",
    ['#'] = "\\#",
    ['$'] = "\\$",
    ['~'] = "\\textasciitilde{}",
    ['^'] = "\\textasciicircum{}",
    ['<'] = "\\textless{}",
    ['>'] = "\\textgreater{}",
    ['|'] = "\\textbar{}",
    ['`'] = "\\textasciigrave{}",
    ['\''] = "{'}",
    ['"'] = "{\\char34}",
    ['['] = "{[}",
    [']'] = "{]}",
    ['*'] = "{*}",
    ['-'] = "{-}",
};

/* From U+03B1 on. */
static const char *const greek[] = {
    "alpha", "beta",   "gamma",   "delta", "epsilon", "zeta", "eta",   "theta", "iota",
    "kappa", "lambda", "mu",      "nu",    "xi",      NULL,   "pi",    "rho",   "varsigma",
    "sigma", "tau",    "upsilon", "phi",   "chi",     "psi",  "omega",
};

static const struct {
    uint32_t letter;
    const char *math;
} symbols[] = {
    {0x393, "\\Gamma"},  {0x394, "\\Delta"}, {0x398, "\\Theta"},   {0x39b, "\\Lambda"},
    {0x39e, "\\Xi"},     {0x3a0, "\\Pi"},    {0x3a3, "\\Sigma"},   {0x3a6, "\\Phi"},
    {0x3a8, "\\Psi"},    {0x3a9, "\\Omega"}, {0xd7, "\\times"},    {0xb1, "\\pm"},
    {0xb5, "\\mu"},      {0xb7, "\\cdot"},   {0xb0, "^\\circ"},    {0x2212, "-"},
    {0x2264, "\\leq"},   {0x2265, "\\geq"},  {0x2248, "\\approx"}, {0x2192, "\\to"},
    {0x221e, "\\infty"},
};

/* The letter at text and how many bytes it has: texts of a run are valid UTF-8. */
static uint32_t next_letter(const char *text, int *bytes)
{
    const unsigned char first = (unsigned char)*text;
    int n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t letter = first & (n == 1 ? 0x7fU : 0x7fU >> n);
    for (*bytes = 1; *bytes < n && text[*bytes]; ++*bytes)
        letter = letter << 6 | ((unsigned char)text[*bytes] & 0x3f);
    return letter;
}

static const char *math_of(uint32_t letter)
{
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (symbols[i].letter == letter)
            return symbols[i].math;
    return NULL;
}

static void put_letter(FILE *f, uint32_t letter, const char *text, int bytes)
{
    enum { ALPHA = 0x3b1, N_GREEK = sizeof greek / sizeof *greek, LATIN_1 = 0xa1, LATIN_A = 0x17f };
    const char *math = math_of(letter);
    if (letter < ' ')
        fputc(' ', f);
    else if (letter < 128 && ascii[letter])
        fputs(ascii[letter], f);
    else if (math)
        fprintf(f, "\\ensuremath{%s}", math);
    else if (letter >= ALPHA && letter < ALPHA + N_GREEK && greek[letter - ALPHA])
        fprintf(f, "\\ensuremath{\\%s}", greek[letter - ALPHA]);
    else if (letter < 128 || (letter >= LATIN_1 && letter <= LATIN_A))
        fwrite(text, 1, (size_t)bytes, f);
    else
        fprintf(f, "\\ggdmchar{%.*s}{%04X}", bytes, text, letter);
}

static void put_text(FILE *f, const char *text)
{
    for (int bytes; *text; text += bytes) {
        const uint32_t letter = next_letter(text, &bytes);
        put_letter(f, letter, text, bytes);
    }
}

static void begin_file(FILE *f, const char *name, const char *version)
{
    fputs("% Tables of the run ", f);
    put_text(f, name);
    fprintf(f, " by ggdm %s, to be \\input after \\usepackage{booktabs}.\n", version);
    fputs("% Numbers with their intervals; a paper may define these commands otherwise before.\n"
          "\\providecommand\\ggdmbeside[3]{$#1$ {\\scriptsize $[#2, #3]$}}\n"
          "\\providecommand\\ggdmabove[3]{\\begin{tabular}[t]{@{}r@{}}$#1$\\\\[-3pt]{\\tiny $[#2, "
          "#3]$}\\end{tabular}}\n"
          "\\providecommand\\ggdmchar[2]{\\ifdefined\\directlua#1\\else"
          "\\ifdefined\\XeTeXversion#1\\else[U+#2]\\fi\\fi}\n\n",
          f);
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* "tab:night-2-1": letters, digits and hyphens. */
static void put_label(FILE *f, const ggdm_table_head *head)
{
    fputs("\\label{tab:", f);
    for (const char *c = head->run; *c; c++)
        if ((unsigned char)*c < 128)
            fputc(isalnum((unsigned char)*c) ? *c : '-', f);
    fprintf(f, "-%d}\n", head->number);
}

static void begin(FILE *f, const ggdm_table_head *head)
{
    fputs("\\begin{table}\n\\centering\\small\\setlength{\\tabcolsep}{4pt}\n\\caption{", f);
    put_text(f, head->caption);
    fputs("}\n", f);
    put_label(f, head);
    fputs("\\begin{tabular}{", f);
    for (int32_t i = 0; i < head->columns; i++)
        fputs(head->wraps && head->wraps[i] ? "p{0.35\\linewidth}" : "r", f);
    fputs("}\n\\toprule\n", f);
    if (head->across) {
        fprintf(f, " & \\multicolumn{%d}{c}{", head->columns - 1);
        put_text(f, head->across);
        fprintf(f, "} \\\\\n\\cmidrule(l){2-%d}\n", head->columns);
    }
    for (int32_t i = 0; i < head->columns; i++) {
        fputs(i ? " & " : "", f);
        put_text(f, head->names[i]);
    }
    fputs(" \\\\\n\\midrule\n", f);
}

static void begin_entry(FILE *f, int32_t column)
{
    fputs(column ? " & " : "", f);
}

/* Where values go across, there is no room beside them. */
static void put_number(FILE *f, const ggdm_table_head *head, const char *value, const char *lo,
                       const char *hi)
{
    if (lo)
        fprintf(f, "\\ggdm%s{%s}{%s}{%s}", head->across ? "above" : "beside", value, lo, hi);
    else
        fprintf(f, "$%s$", value);
}

static void put_none(FILE *f)
{
    fputs("--", f);
}

static void end_row(FILE *f)
{
    fputs(" \\\\\n", f);
}

static void end(FILE *f)
{
    fputs("\\bottomrule\n\\end{tabular}\n\\end{table}\n\n", f);
}

const ggdm_markup ggdm_latex = {
    .ending = "tex",
    .rows = 40,
    .columns = 12,
    .text = put_text,
    .begin_file = begin_file,
    .begin = begin,
    .begin_entry = begin_entry,
    .number = put_number,
    .none = put_none,
    .end_row = end_row,
    .end = end,
};
