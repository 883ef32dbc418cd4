#include "models/nn/convolve.h"

static const ggdm_convolve_method *const methods[] = {&ggdm_winograd, &ggdm_narrow, &ggdm_direct};

ggdm_status ggdm_convolve_create(const ggdm_conv_shape *s, ggdm_conv_pass pass, const void *plain,
                                 ggdm_packs *packs, ggdm_convolve **out, ggdm_error *err)
{
    const ggdm_convolve_method *const *m = methods;
    while (!(*m)->fits(s, pass))
        m++;
    *out = NULL;
    ggdm_status st = (*m)->create(s, pass, plain, packs, out, err);
    if (st != GGDM_OK)
        ggdm_convolve_destroy(out);
    return st;
}

void ggdm_convolve_destroy(ggdm_convolve **c)
{
    if (*c)
        (*c)->method->destroy(*c);
    *c = NULL;
}

size_t ggdm_convolve_scratch(const ggdm_convolve *c)
{
    return c->method->scratch(c);
}

void ggdm_convolve_pack(ggdm_convolve *c, const void *plain)
{
    c->method->pack(c, plain);
}

void ggdm_convolve_run(const ggdm_convolve *c, const void *x, const float *bias, void *y,
                       int64_t images, int seat, void *scratch)
{
    c->method->run(c, x, bias, y, images, seat, scratch);
}
