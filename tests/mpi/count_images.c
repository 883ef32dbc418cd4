/* count_images DIR: how many distinct images the store of a run holds, and of how many: "12 60".
 * Opening a store puts its running units back, so DIR is best a copy. */
#include <stdio.h>

#include "jobs/store.h"

int main(int argc, char **argv)
{
    ggdm_store *store = NULL;
    ggdm_error err = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: count_images DIR\n");
        return 2;
    }
    if (ggdm_store_open(argv[1], NULL, &store, &err) != GGDM_OK) {
        fprintf(stderr, "count_images: %s\n", err.msg);
        return 1;
    }
    const ggdm_store_counts *counts = ggdm_store_counts_get(store);
    printf("%lld %lld\n", (long long)counts->images_done, (long long)counts->images_total);
    ggdm_store_close(&store);
    return 0;
}
