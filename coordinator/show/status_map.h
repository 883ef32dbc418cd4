/* How far each cell of a run is, as a small heat map: on two axes where these are what varies (one
 * is the other's row of length 1), else in the order of the cells, several of which share a square
 * where there is no room for all. */
#ifndef GGDM_COORDINATOR_STATUS_MAP_H
#define GGDM_COORDINATOR_STATUS_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arena.h"
#include "common/fields.h"
#include "common/status.h"
#include "coordinator/show/terminal.h"

typedef struct ggdm_map_cell {
    int64_t done, wanted, diverged; /* images */
    bool cancelled;
} ggdm_map_cell;

typedef struct ggdm_map_axis {
    const char *name;
    const char **labels; /* [n] */
    int32_t n;           /* 0: there is none */
    int32_t *rank;       /* [cells] which value each has */
} ggdm_map_axis;

typedef struct ggdm_status_map {
    ggdm_arena arena;     /* of all below */
    ggdm_map_cell *cells; /* [n] */
    int32_t n;
    ggdm_map_axis x, y;
    int32_t run; /* so many cells in order have one value after the other of one parameter; >= 1 */
    bool asked;  /* the store, ... */
    double when; /* ... at this time */
} ggdm_status_map;

/** The cells as status.json (root) has them, and how they lie as the store in dir does, which is
 *  asked rarely and is closed again; where the file does not list the cells, as there are many, the
 *  store tells all.  A store that cannot be read makes a map without axes.  *map is zeroed at
 * first, and owned: ggdm_status_map_deinit.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_status_map_read(const char *dir, const ggdm_node *root, ggdm_status_map *map,
                                 ggdm_error *err);
void ggdm_status_map_deinit(ggdm_status_map *map);

/** "  cells      28: 12 complete, 5 begun; 2 with diverged images"; nothing of no cells. */
void ggdm_status_map_count(FILE *out, const ggdm_status_map *map);

/** At most canvas->rows lines that fit.  Errors: GGDM_ENOMEM. */
ggdm_status ggdm_status_map_print(FILE *out, const ggdm_status_map *map, const ggdm_canvas *canvas,
                                  ggdm_error *err);

#endif
