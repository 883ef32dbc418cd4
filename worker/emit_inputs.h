/* What emit.c needs of the inputs beyond what implementations ask for. */
#ifndef GGDM_WORKER_EMIT_INPUTS_H
#define GGDM_WORKER_EMIT_INPUTS_H

#include "worker/emit.h"

/** The port of a value, which is new where there is none like it; key NULL: of the scale alone. */
ggdm_val ggdm_emit_port(ggdm_emit *e, const ggdm_item *item, const char *key, ggdm_port port);
/** An input of [rows] where all is this number; is_class: i32. */
ggdm_val ggdm_emit_constant(ggdm_emit *e, bool is_class, float number);
/** Where the walk finds the value of a row: ggdm_port.index.  -1 after an error. */
int32_t ggdm_emit_value_index(ggdm_emit *e, const ggdm_item *item, const char *key, bool *of_head);

#endif
