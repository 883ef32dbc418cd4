/* Contact sheet of a cell: images in a grid with thin separators, each in a frame that tells its
 * result. */
#ifndef GGDM_JOBS_SHEET_H
#define GGDM_JOBS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/png_image.h"
#include "common/status.h"
#include "jobs/tile.h"

#define GGDM_SHEET_MAX 200 /* images */

typedef struct ggdm_sheet ggdm_sheet;

/** Sheet for count images of width x height pixels with channels 1 or 3 (more than GGDM_SHEET_MAX
 *  are left out).  Small images are magnified.  Owned: ggdm_sheet_destroy. */
ggdm_status ggdm_sheet_create(int32_t count, int32_t width, int32_t height, int32_t channels,
                              ggdm_sheet **out, ggdm_error *err);
/** Next image, pixels [height, width, channels]; ignored when the sheet is full. */
void ggdm_sheet_add(ggdm_sheet *sheet, const uint8_t *pixels, ggdm_frame frame);
/** PNG of the sheet: *png owned: free(). */
ggdm_status ggdm_sheet_encode(const ggdm_sheet *sheet, uint8_t **png, size_t *size,
                              ggdm_error *err);
void ggdm_sheet_destroy(ggdm_sheet **sheet);

#endif
