/* When and by whom the ops of a graph are run.
 *
 * An image's arithmetic knows nothing of its neighbours, so a batch is dealt to the threads: each
 * has a share of the images, a seat with memory for them, and takes it through a stretch of ops
 * without waiting for anybody.  A stretch ends where an op sums over the batch, or where the number
 * of images changes.  A batch that cannot be dealt evenly is not: threads run its ops together.
 *
 * Of its share a seat takes some images at a time through a group of ops, so many that their
 * pixels are worth loading the weights for, and so few that they stay in the cache from one op to
 * the next: large images one by one, small ones all at once.  Ops on rows (embeddings of time) that
 * need nothing of their group run before it. */
#include "models/nn/graph_impl.h"

/* Of the images that are taken at a time, at least. */
#define PIXELS 768

static int64_t pixels(const ggdm_shape *s)
{
    return s->n > 2 ? ggdm_shape_inner(s) / s->d[s->n - 1] : 1;
}

/* Images of each of so many seats: 0 where one would have much more to do than another. */
static int64_t deal(int64_t images, int seats)
{
    const int64_t share = (images + seats - 1) / seats;
    return 4 * share * seats <= 5 * images ? share : 0;
}

/* Images that go through the op at a time. */
static int64_t at_once(const ggdm_graph *g, const ggdm_op *op, int64_t share)
{
    int64_t most = pixels(ggdm_op_shape(g, op));
    if (op->in[0] >= 0 && pixels(&ggdm_in(g, op, 0)->shape) > most)
        most = pixels(&ggdm_in(g, op, 0)->shape);
    const int64_t images = (PIXELS + most - 1) / most;
    return images < share ? images : share;
}

static void form_stretches(ggdm_graph *g)
{
    for (size_t o = 0, first = 0; o < g->n_ops; o++) {
        ggdm_op *op = &g->ops[o];
        const int64_t images = ggdm_op_shape(g, op)->d[0];
        op->turn = (ggdm_turn){.share = op->kind->run_batch ? 0 : deal(images, g->seats)};
        if (o > 0 && (o == g->cut || op->turn.share == 0 || g->ops[o - 1].turn.share == 0 ||
                      ggdm_op_shape(g, op - 1)->d[0] != images))
            first = o;
        op->turn.stretch = first;
        for (size_t i = first; i <= o; i++)
            g->ops[i].turn.stretch_end = o + 1;
    }
}

/* Whether op needs nothing of what its group, from first on, makes image by image. */
static bool can_be_early(const ggdm_graph *g, const ggdm_op *op, size_t first)
{
    for (int i = 0; i < GGDM_MAX_IN; i++) {
        const int def = op->in[i] < 0 ? -1 : g->values[op->in[i]].def;
        if (def >= (int)first && !g->ops[def].turn.early)
            return false;
    }
    return pixels(ggdm_op_shape(g, op)) == 1;
}

/* Into the group that begins with op first, where op o belongs to it; returns where o's begins. */
static size_t join_group(ggdm_graph *g, size_t o, size_t first)
{
    ggdm_turn *t = &g->ops[o].turn;
    const ggdm_turn *group = &g->ops[first].turn;
    t->at_once = at_once(g, &g->ops[o], t->share);
    if (t->stretch != group->stretch)
        return o;
    t->early = t->at_once != group->at_once && can_be_early(g, &g->ops[o], first);
    if (t->early)
        t->at_once = group->at_once;
    return t->at_once == group->at_once ? first : o;
}

static void form_groups(ggdm_graph *g)
{
    for (size_t o = 0, first = 0; o < g->n_ops; o++) {
        first = join_group(g, o, first);
        g->ops[o].turn.group = first;
        for (size_t i = first; i <= o; i++)
            g->ops[i].turn.group_end = o + 1;
    }
}

void ggdm_graph_take_turns(ggdm_graph *g)
{
    form_stretches(g);
    form_groups(g);
}
