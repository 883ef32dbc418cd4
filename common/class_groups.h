/* The classes of a classifier by name, in groups: each group is a question of its own ("glasses":
 * no, yes) to which one of its classes is the answer.  A classifier whose classes exclude each
 * other has one group, whose name is "".  Classes are numbered through all groups from 0.
 *
 * In JSON (config.json of a network, attributes.json of a data set):
 *
 *     "attributes": [{"name": "glasses", "classes": ["no", "yes"]},
 *                    {"name": "hair_colour", "classes": ["blond", "brown", "grey"]}]
 *
 * A class is called GROUP:CLASS ("hair_colour:blond"), in a group of the name "" CLASS alone, and
 * `yes` of a group of no and yes also GROUP alone ("glasses").  Names of groups have no ':', those
 * of classes may. */
#ifndef GGDM_COMMON_CLASS_GROUPS_H
#define GGDM_COMMON_CLASS_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "common/fields.h"
#include "common/json_write.h"
#include "common/status.h"

#define GGDM_CLASS_NAME 400 /* bytes of GROUP:CLASS with its NUL */

typedef struct ggdm_class_group {
    char *name; /* owned */
    ggdm_strings classes;
    int32_t first; /* number of its first class */
} ggdm_class_group;

typedef struct ggdm_class_groups {
    ggdm_class_group *items; /* [n]; owned */
    int32_t n;               /* 0: classes have no names, and exclude each other */
    int32_t n_classes;       /* of all groups */
} ggdm_class_groups;

/** Read the list.  *out: ggdm_class_groups_deinit.  Errors: GGDM_EINVAL with position: not a list
 *  of groups, names that are there twice or hold control characters, groups with a ':' or of fewer
 *  than two classes, more than GGDM_MAX_NAMED_CLASSES in all or GGDM_MAX_CLASS_GROUPS groups. */
ggdm_status ggdm_class_groups_read(const ggdm_node *list, ggdm_class_groups *out, ggdm_error *err);
enum { GGDM_MAX_NAMED_CLASSES = 1000, GGDM_MAX_CLASS_GROUPS = 32 };
/** One group of n classes, named as transformers writes it: {"0": "cat", "1": "dog"}.  Several may
 *  be called alike, as ImageNet has two of "crane".  Errors: GGDM_EINVAL with position: not a name
 *  for each class; GGDM_ENOMEM. */
ggdm_status ggdm_class_groups_read_labels(const ggdm_node *map, int32_t n, ggdm_class_groups *out,
                                          ggdm_error *err);
/** Write it as the value of key. */
void ggdm_class_groups_write(ggdm_json *j, const char *key, const ggdm_class_groups *groups);
/** Safe on zeroed groups and twice. */
void ggdm_class_groups_deinit(ggdm_class_groups *groups);

/** The group of a class; NULL: there are no groups, or no such class. */
const ggdm_class_group *ggdm_class_group_of(const ggdm_class_groups *groups, int32_t class_number);
/** The place of the class of this name in its group, from 0; -1: it has none. */
int32_t ggdm_class_in_group(const ggdm_class_group *group, const char *name);
/** The first class of this name whose number is `from` or higher; -1: none. */
int32_t ggdm_class_find(const ggdm_class_groups *groups, const char *name, int32_t from);
/** What a class is called, in a caller's buffer, which is returned; "" where it has no name. */
const char *ggdm_class_name(const ggdm_class_groups *groups, int32_t class_number,
                            char text[GGDM_CLASS_NAME]);

#endif
