/* Sweep texts, changed in one place, and what they must say. */
#ifndef GGDM_TESTS_SUPPORT_SPEC_FIXTURE_H
#define GGDM_TESTS_SUPPORT_SPEC_FIXTURE_H

#include "jobs/spec.h"
#include "tests/support/ggdm_test.h"
#include "tests/support/toy_catalogue.h"
#include "worker/kinds.h"

/* A sweep with the keys that most have (docs/SWEEP.md); the same of toy kinds. */
extern const char spec_fixture_example[], spec_fixture_toy[];

/** The text is the file s.yaml. */
ggdm_status spec_fixture_read_with(const ggdm_catalogue *c, const char *text,
                                   const char *const *sets, int n_sets, ggdm_spec *s,
                                   ggdm_error *err);
ggdm_spec spec_fixture_parse(const ggdm_catalogue *c, const char *text);

/** A text with one piece of it replaced, of base or of the example; owned. */
char *spec_fixture_changed_of(const char *base, const char *from, const char *to);
char *spec_fixture_changed(const char *from, const char *to);

/** Refused with a message that has this piece; set: --set, NULL: none.  Those without a catalogue
 *  are of the program's. */
void spec_fixture_refuse_of(const ggdm_catalogue *c, const char *text, const char *set,
                            const char *message);
void spec_fixture_refuse(const char *text, const char *message);
void spec_fixture_refuse_change(const char *from, const char *to, const char *message);
void spec_fixture_refuse_toy(const char *from, const char *to, const char *message);

/** A parameter by name or path. */
const ggdm_parameter *spec_fixture_find(const ggdm_spec *s, const char *name);
/** "0.1 0.2": the values of a parameter, as people see them. */
void spec_fixture_expect_values(const ggdm_spec *s, const char *name, const char *values);
/** "1 10": those of parameters (names, NULL-terminated) in a cell. */
void spec_fixture_expect_cell(ggdm_spec *s, int64_t cell, const char *const *names,
                              const char *values);

#endif
