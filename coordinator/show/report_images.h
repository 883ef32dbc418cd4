/* The part of the report's document that is about single images. */
#ifndef GGDM_COORDINATOR_REPORT_IMAGES_H
#define GGDM_COORDINATOR_REPORT_IMAGES_H

#include "common/json_write.h"
#include "coordinator/show/sprites.h"

/* Of runs in which more images are to be scored, in the eyes of all cells, each image's scores are
 * left out (export --format csv has them). */
#define GGDM_REPORT_MOST_SCORED 20000

/** "trajectories": which images there are, and what was said of each. */
ggdm_status ggdm_report_put_trajectories(ggdm_json *j, const ggdm_results *r,
                                         const ggdm_sprites *sprites, ggdm_error *err);

#endif
