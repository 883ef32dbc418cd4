/* What the files of the sweep's reader share.  Only jobs/spec*.c include this. */
#ifndef GGDM_JOBS_SPEC_INTERNAL_H
#define GGDM_JOBS_SPEC_INTERNAL_H

#include <stdio.h>

#include "jobs/spec.h"

/* ---- spec_parameters.c ---- */

/** List the parameters of the tree, each with the value that stands there. */
ggdm_status ggdm_spec_list_parameters(ggdm_spec *spec, ggdm_error *err);
/** The parameter that a path or a short name means; key: for messages, what it was.
 *  Errors: GGDM_EINVAL at node, with what was meant, or what there is. */
ggdm_status ggdm_spec_find(const ggdm_spec *spec, const char *name, const ggdm_node *node,
                           ggdm_parameter **out, ggdm_error *err);
/* ---- spec_axes.c ---- */

/** Read `sweep:`; parameters that given [n_parameters] says were set otherwise are left as they
 *  are. */
ggdm_status ggdm_spec_read_axes(ggdm_spec *spec, const ggdm_node *node, const bool *given,
                                ggdm_error *err);

/* ---- spec_condition.c ---- */

/** Make the condition that sets [n] ("PATH=VALUE", values where they stand), axes (NULL: none) or
 *  shorthands of the guidance speak of, and move what the latter say to it.  Errors: GGDM_EINVAL
 *  where it says something else. */
ggdm_status ggdm_spec_add_condition(ggdm_spec *spec, const char *const *sets,
                                    const ggdm_node *const *values, int n, const ggdm_node *axes,
                                    ggdm_error *err);

/* ---- spec_prompts.c ---- */

/** The texts of the file that a value names ("@prompts.txt"): a list, which lives as long as spec.
 *  Errors: GGDM_EIO, GGDM_EINVAL naming the file and, of a line that is no text, the line. */
ggdm_status ggdm_spec_read_prompts(ggdm_spec *spec, const ggdm_node *node, const ggdm_node **out,
                                   ggdm_error *err);

/* ---- spec_text.c ---- */

/** Write a text in double quotes, as YAML reads it. */
void ggdm_spec_write_quoted(FILE *out, const char *text);

/* ---- spec_judges.c ---- */

/** Read `judge:` (NULL: there is none); parameters are not listed yet. */
ggdm_status ggdm_spec_read_judges(ggdm_spec *spec, const ggdm_node *node, ggdm_error *err);
/** Append their targets to the parameters: those that are given; and that of the first who knows
 *  classes, where nothing of the tree is called so. */
ggdm_status ggdm_spec_list_targets(ggdm_spec *spec, ggdm_error *err);

/* ---- spec_evaluate.c ---- */

/** Read `evaluate:` (NULL: there is none). */
ggdm_status ggdm_spec_read_evaluations(ggdm_spec *spec, const ggdm_node *node, ggdm_error *err);

/* ---- spec_record.c ---- */

/** Read `record:` (NULL: there is none) into spec->job. */
ggdm_status ggdm_spec_read_record(ggdm_spec *spec, const ggdm_node *node, ggdm_error *err);

/* ---- spec_trace.c ---- */

/** Read `trace:` (NULL: there is none). */
ggdm_status ggdm_spec_read_trace(ggdm_spec *spec, const ggdm_node *node, ggdm_error *err);

/* ---- spec_until.c ---- */

/** Read `until:` (NULL: there is none) of a sweep whose cells are known, and samples where it does
 *  not say them. */
ggdm_status ggdm_spec_read_until(ggdm_spec *spec, const ggdm_node *node, ggdm_error *err);
/** A line of what makes two sweeps the same; nothing where there is no rule. */
void ggdm_spec_write_until(FILE *out, const ggdm_until *rule);

#endif
