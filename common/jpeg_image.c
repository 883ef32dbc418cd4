#include "common/jpeg_image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

#include "common/mem.h"

#define MAX_MEMORY (256l << 20) /* bytes that the library may take */
enum {
    MAX_SCANS = 100 /* of a progressive image, of which each goes over all of it; ten are usual */
};

/* libjpeg reports errors by a callback that must not return: it jumps back to the public function.
 * Everything that lives across the jump is in this struct, not in local variables. */
typedef struct jpeg_task {
    struct jpeg_decompress_struct info; /* first: what callbacks are given */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
    ggdm_status status;
    ggdm_pixels pixels; /* owned */
} jpeg_task;

static void on_jpeg_error(j_common_ptr info)
{
    jpeg_task *task = (jpeg_task *)(void *)info;
    info->err->format_message(info, task->message);
    if (info->err->msg_code == JERR_NO_BACKING_STORE)
        snprintf(task->message, sizeof task->message,
                 "progressive, and so large that decoding takes more than %ld MiB: save it as a "
                 "baseline JPEG, or smaller",
                 MAX_MEMORY >> 20);
    task->status = GGDM_EFORMAT;
    longjmp(task->back, 1);
}

/* Data that are damaged or end too early are warnings to the library, which goes on with grey; its
 * other warnings do no harm. */
static void on_message(j_common_ptr info, int level)
{
    static const int harmful[] = {JWRN_HIT_MARKER,     JWRN_HUFF_BAD_CODE, JWRN_JPEG_EOF,
                                  JWRN_ARITH_BAD_CODE, JWRN_MUST_RESYNC,   JWRN_NOT_SEQUENTIAL};
    for (size_t i = 0; level < 0 && i < sizeof harmful / sizeof *harmful; i++)
        if (info->err->msg_code == harmful[i])
            on_jpeg_error(info);
}

static void refuse_jpeg(jpeg_task *task, ggdm_status status)
{
    task->status = status;
    longjmp(task->back, 1);
}

/* Called between the pieces of a scan. */
static void on_progress(j_common_ptr info)
{
    jpeg_task *task = (jpeg_task *)(void *)info;
    if (task->info.input_scan_number <= MAX_SCANS)
        return;
    snprintf(task->message, sizeof task->message, "more than %d scans", MAX_SCANS);
    refuse_jpeg(task, GGDM_EUNSUPPORTED);
}

static ggdm_status create_task(jpeg_task **out, ggdm_error *err)
{
    GGDM_TRY(ggdm_alloc(out, 1, sizeof **out, err));
    jpeg_task *task = *out;
    task->info.err = jpeg_std_error(&task->errors);
    task->errors.error_exit = on_jpeg_error;
    task->errors.emit_message = on_message;
    task->progress.progress_monitor = on_progress;
    return GGDM_OK;
}

static void read_header(jpeg_task *task, const void *data, size_t size)
{
    struct jpeg_decompress_struct *info = &task->info;
    jpeg_create_decompress(info);
    info->mem->max_memory_to_use = MAX_MEMORY;
    info->progress = &task->progress;
    jpeg_mem_src(info, data, size);
    jpeg_read_header(info, TRUE);
}

static void decode_jpeg(jpeg_task *task, const void *data, size_t size, int32_t max_side)
{
    struct jpeg_decompress_struct *info = &task->info;
    read_header(task, data, size);
    if (info->image_width > (JDIMENSION)max_side || info->image_height > (JDIMENSION)max_side) {
        snprintf(task->message, sizeof task->message, "%u x %u pixels, expected at most %d a side",
                 info->image_width, info->image_height, max_side);
        refuse_jpeg(task, GGDM_ESHAPE);
    }
    const bool grey = info->jpeg_color_space == JCS_GRAYSCALE;
    if (!grey && info->jpeg_color_space != JCS_YCbCr && info->jpeg_color_space != JCS_RGB) {
        snprintf(task->message, sizeof task->message, "%d channels, expected grey or RGB",
                 info->num_components);
        refuse_jpeg(task, GGDM_EUNSUPPORTED);
    }
    info->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    info->dct_method = JDCT_ISLOW; /* exact: the same with and without SIMD */
    jpeg_start_decompress(info);
    const int32_t width = (int32_t)info->output_width, height = (int32_t)info->output_height;
    if (ggdm_pixels_init(&task->pixels, width, height, grey ? 1 : 3, NULL) != GGDM_OK)
        refuse_jpeg(task, GGDM_ENOMEM);
    const size_t stride = (size_t)width * (size_t)task->pixels.channels;
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = task->pixels.data + info->output_scanline * stride;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info);
}

ggdm_status ggdm_jpeg_decode(const void *jpeg, size_t size, int32_t max_side, ggdm_pixels *out,
                             ggdm_error *err)
{
    jpeg_task *task = NULL;
    *out = (ggdm_pixels){0};
    GGDM_TRY(create_task(&task, err));
    if (setjmp(task->back) == 0)
        decode_jpeg(task, jpeg, size, max_side);
    ggdm_status st = task->status;
    if (st != GGDM_OK)
        GGDM_FAIL(err, st, "JPEG: %s", task->message[0] ? task->message : "out of memory");
    jpeg_destroy_decompress(&task->info);
    if (st == GGDM_OK)
        *out = task->pixels;
    else
        ggdm_pixels_deinit(&task->pixels);
    free(task);
    return st;
}

uint64_t ggdm_jpeg_area(const void *jpeg, size_t size)
{
    jpeg_task *task = NULL;
    if (create_task(&task, NULL) != GGDM_OK)
        return 0;
    if (setjmp(task->back) == 0)
        read_header(task, jpeg, size);
    const uint64_t area = (uint64_t)task->info.image_width * task->info.image_height;
    jpeg_destroy_decompress(&task->info);
    free(task);
    return area;
}
