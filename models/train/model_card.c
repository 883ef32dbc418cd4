#include "models/train/model_card.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/temp.h"
#include "models/schedule_config.h"

static void card_curve(FILE *f, const ggdm_curve *c, bool classifier)
{
    enum { ROWS = 12 };
    fprintf(f, "| step | images | training loss | learning rate | test loss |%s\n",
            classifier ? " test accuracy |" : "");
    fprintf(f, "|---:|---:|---:|---:|---:|%s\n", classifier ? "---:|" : "");
    size_t n = 0, k = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->rows[i].val_loss >= 0;
    for (size_t i = 0; i < c->n; i++) {
        const ggdm_curve_row *r = &c->rows[i];
        if (r->val_loss < 0)
            continue;
        k++; /* about ROWS rows, evenly, the last one always */
        if (n > ROWS && k != n && k * ROWS / n == (k - 1) * ROWS / n)
            continue;
        fprintf(f, "| %" PRId64 " | %" PRId64 " | %.5f | %.2e | %.5f |", r->step, r->images,
                r->loss, r->lr, r->val_loss);
        if (classifier)
            fprintf(f, " %.2f %% |", 100.0 * r->val_accuracy);
        fputc('\n', f);
    }
}

static void card_data(FILE *f, const ggdm_export *e)
{
    static const char *const names[] = {"training", "test"};
    const ggdm_data *d = e->data;
    const ggdm_images *all = d->images;
    fprintf(f,
            "Trained on %d images (part \"%s\" of the training set), measured on %d images%s.\n\n",
            d->train.n, ggdm_part_names[e->recipe->part], d->test.n,
            all[1].n > 0 ? " of the test set" : " that were held out of the same set");
    fprintf(f, "| set | images | from | SHA-256 of pixels and labels |\n|---|---:|---|---|\n");
    for (int i = 0; i < 2; i++)
        if (all[i].n > 0)
            fprintf(f, "| %s | %d | %s | `%s` |\n", names[i], all[i].n, all[i].source,
                    all[i].sha256);
    if (all[0].n_classes > 0)
        fprintf(f, "\n| class | name |\n|---:|---|\n");
    for (int i = 0; i < all[0].n_classes; i++)
        fprintf(f, "| %d | %s |\n", i, all[0].classes[i]);
}

static ggdm_status weights_digest(const ggdm_export *e, char text[GGDM_HASH_TEXT_SIZE],
                                  ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(e->dir, e->arch->weights_file, &path, err));
    ggdm_status st = ggdm_hash_file(path, text, err);
    free(path);
    return st;
}

/* By ggdm_prediction. */
static const char *const predicted[] = {
    [GGDM_PREDICT_EPSILON] = "eps", [GGDM_PREDICT_SAMPLE] = "the image", [GGDM_PREDICT_V] = "v"};

static void card_head(FILE *f, const ggdm_arch_info *a, const ggdm_recipe *r)
{
    if (a->role == GGDM_CLASSIFIER)
        fputs(a->ports & GGDM_PORT_T ? "Classifier of noisy images (given x_t and t)"
                                     : "Image classifier",
              f);
    else
        fprintf(f, "Diffusion model (predicts %s, %s)", predicted[r->prediction],
                a->null_label >= 0 ? "conditional on a class or on none"
                : a->n_classes     ? "conditional on a class"
                                   : "unconditional");
}

/* Of what is told the timestep, band by band; then what else was measured, by its name. */
static void card_measures(FILE *f, const ggdm_export *e)
{
    const ggdm_evaluation *m = e->final;
    const ggdm_measures *names = &e->curve->measures;
    const int32_t timesteps = e->recipe->timesteps;
    const int bands = names->n && e->arch->ports & GGDM_PORT_T ? GGDM_T_BANDS : 0;
    if (bands)
        fprintf(f, "\n| timesteps | accuracy |\n|---:|---:|\n");
    for (int i = 0; i < bands; i++)
        if (m->measured[i] >= 0)
            fprintf(f, "| %d to %d | %.2f %% |\n", ggdm_band_begin(timesteps, i),
                    ggdm_band_begin(timesteps, i + 1) - 1, 100.0 * m->measured[i]);
    if (names->n > bands)
        fprintf(f, "\n| measure | |\n|---|---:|\n");
    for (int i = bands; i < names->n; i++)
        fprintf(f, "| %s | %.2f %% |\n", names->names[i], 100.0 * m->measured[i]);
}

static void card_measured(FILE *f, const ggdm_export *e)
{
    const ggdm_evaluation *m = e->final;
    const bool noisy = e->arch->ports & GGDM_PORT_T;
    fprintf(f, "\n## Measured in training\n\nOn %" PRId64 " %stest images: ", m->n,
            noisy ? "" : "clean ");
    if (m->accuracy < 0)
        fprintf(f, "mean squared error of %s %.5f (one timestep and one noise per image).\n",
                predicted[e->recipe->prediction], m->loss);
    else
        fprintf(f, "accuracy %.2f %%, mean negative log likelihood %.5f nats%s.\n",
                100.0 * m->accuracy, m->loss,
                noisy ? " (one timestep and one noise per image)" : "");
    card_measures(f, e);
}

static void card_begin(FILE *f, const ggdm_export *e)
{
    const ggdm_warm_start *from = &e->state->from;
    if (*from->digest)
        fprintf(f,
                "Trained by `ggdm train` from `%s` (SHA-256 `%s`): %d tensors began with its "
                "weights, %d anew",
                e->recipe->from, from->digest, (int)from->taken, (int)from->fresh);
    else
        fprintf(f, "Trained from scratch by `ggdm train`");
    fprintf(f, "; the weights are the running average (EMA).\n\n");
}

static void card(FILE *f, const ggdm_export *e, const char *digest)
{
    const ggdm_recipe *r = e->recipe;
    fprintf(f, "# %s\n\n", r->name);
    card_head(f, e->arch, r);
    fprintf(f, ", %d x %d x %d images in [-1, 1], %" PRId64 " parameters (%s).\n", e->arch->size,
            e->arch->size, e->arch->channels, e->flat->n_values,
            ggdm_weights_form_names[r->weights]);
    card_begin(f, e);
    fprintf(f, "- command: `%s`\n- `%s`: SHA-256 `%s`\n", e->command, e->arch->weights_file,
            digest);
    fprintf(f, "- recipe and config: SHA-256 `%s` (`ggdm_recipe` in the file's metadata)\n",
            r->digest);
    fprintf(f,
            "- %" PRId64
            " steps of %d images, %.1f passes over the data, %.0f s on %d rank(s) with "
            "%d thread(s), %s\n",
            e->state->step, r->batch, (double)e->state->step * r->batch / (double)e->data->train.n,
            e->state->seconds, e->state->ranks, e->state->threads, e->state->isa);
    card_measured(f, e);
    fprintf(f, "\n## Training curve\n\n");
    card_curve(f, e->curve, e->arch->role == GGDM_CLASSIFIER);
    fprintf(f, "\nThe training loss is smoothed over about 100 steps; `curve.csv` has it all.\n");
    fprintf(f, "\n## Data\n\n");
    card_data(f, e);
    fprintf(f, "\n## Recipe\n\n```yaml\n%s%s```\n", r->text,
            r->text[0] && r->text[strlen(r->text) - 1] == '\n' ? "" : "\n");
}

ggdm_status ggdm_model_card_write(const ggdm_export *e, ggdm_error *err)
{
    char digest[GGDM_HASH_TEXT_SIZE], *text = NULL;
    size_t size = 0;
    GGDM_TRY(weights_digest(e, digest, err));
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    card(f, e, digest);
    ggdm_status st = fclose(f) == 0 ? ggdm_replace_file_in(e->dir, "README.md", text, size, err)
                                    : GGDM_FAIL(err, GGDM_ENOMEM, "out of memory");
    free(text);
    return st;
}
