#include "models/train/model_card.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"
#include "common/temp.h"
#include "models/schedule_config.h"

/* accuracy: what it is called; NULL: there is none. */
static void card_curve(FILE *f, const ggdm_curve *c, const char *accuracy)
{
    enum { ROWS = 12 };
    fprintf(f, "| step | images | training loss | learning rate | test loss |");
    if (accuracy)
        fprintf(f, " test %s |", accuracy);
    fprintf(f, "\n|---:|---:|---:|---:|---:|%s\n", accuracy ? "---:|" : "");
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
        if (accuracy)
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
    fprintf(f, "| set | images | captions | from | SHA-256 |\n|---|---:|---:|---|---|\n");
    for (int i = 0; i < 2; i++)
        if (all[i].n > 0)
            fprintf(f, "| %s | %d | %d | %s | `%s` |\n", names[i], all[i].n, all[i].captions.n,
                    all[i].source, all[i].sha256);
    fprintf(
        f,
        "\nThe digests are of pixels, labels, captions and attributes as far as they are used.\n");
    if (all[0].n_classes > 0)
        fprintf(f, "\n| class | name |\n|---:|---|\n");
    for (int i = 0; i < all[0].n_classes; i++)
        fprintf(f, "| %d | %s |\n", i, all[0].classes[i]);
}

static ggdm_status weights_digest(const ggdm_export *e, char text[GGDM_HASH_TEXT_SIZE],
                                  ggdm_error *err)
{
    char *path = NULL;
    GGDM_TRY(ggdm_path_join(e->dir, ggdm_export_weights_file(e->arch), &path, err));
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
    else if (a->role == GGDM_ENCODER)
        fprintf(f, "Encoder of %simages and texts (CLIP, texts of %d tokens)",
                a->ports & GGDM_PORT_T ? "noisy " : "", a->context_length);
    else
        fprintf(f, "Diffusion model (predicts %s, %s)", predicted[r->prediction],
                a->ports & GGDM_PORT_CONTEXT ? "conditional on a text"
                : a->null_label >= 0         ? "conditional on a class or on none"
                : a->n_classes               ? "conditional on a class"
                                             : "unconditional");
}

/* How often the class that most test images have is right. */
static double most_frequent(const ggdm_dataset *set, const ggdm_class_group *group, int32_t place)
{
    int32_t most = 0;
    for (size_t k = 0; k < group->classes.count; k++) {
        int32_t n = 0;
        for (int32_t i = 0; i < set->n; i++)
            n += ggdm_dataset_targets(set, i)[place] == group->first + (int32_t)k;
        most = n > most ? n : most;
    }
    return (double)most / set->n;
}

static void card_attributes(FILE *f, const ggdm_export *e, const double *accuracy)
{
    const ggdm_class_groups *groups = e->arch->classes;
    fprintf(f,
            "\n| attribute | accuracy | of who always says the most frequent |\n|---|---:|---:|\n");
    for (int32_t i = 0; i < groups->n; i++)
        fprintf(f, "| %s | %.2f %% | %.2f %% |\n", groups->items[i].name, 100.0 * accuracy[i],
                100.0 * most_frequent(&e->data->test, &groups->items[i], i));
}

static void card_others(FILE *f, const ggdm_measures *names, int first, const ggdm_evaluation *m)
{
    fprintf(f, "\n| measure | |\n|---|---:|\n");
    for (int i = first; i < names->n; i++)
        fprintf(f, "| %s | %.2f %% |\n", names->names[i], 100.0 * m->measured[i]);
}

/* Of what is told the timestep, band by band; then what else was measured, by its name. */
static void card_measures(FILE *f, const ggdm_export *e)
{
    const ggdm_evaluation *m = e->final;
    const ggdm_measures *names = &e->curve->measures;
    const int32_t timesteps = e->recipe->timesteps;
    const int bands = names->n && e->arch->ports & GGDM_PORT_T ? GGDM_T_BANDS : 0;
    if (bands)
        fprintf(f, "\n| timesteps | %s |\n|---:|---:|\n", ggdm_objective_accuracy_name(e->recipe));
    for (int i = 0; i < bands; i++)
        if (m->measured[i] >= 0)
            fprintf(f, "| %d to %d | %.2f %% |\n", ggdm_band_begin(timesteps, i),
                    ggdm_band_begin(timesteps, i + 1) - 1, 100.0 * m->measured[i]);
    if (names->n > bands && e->data->test.from->targets)
        card_attributes(f, e, m->measured + bands);
    else if (names->n > bands)
        card_others(f, names, bands, m);
}

static void card_measured(FILE *f, const ggdm_export *e)
{
    const ggdm_evaluation *m = e->final;
    const bool noisy = e->arch->ports & GGDM_PORT_T;
    const bool several = e->data->test.from->targets;
    const char *one = noisy ? " (one timestep and one noise per image)" : "";
    fprintf(f, "\n## Measured in training\n\nOn %" PRId64 " %stest images: ", m->n,
            noisy ? "" : "clean ");
    if (e->arch->role == GGDM_DIFFUSION)
        fprintf(f, "mean squared error of %s %.5f%s.\n", predicted[e->recipe->prediction], m->loss,
                one);
    else if (e->arch->role == GGDM_ENCODER)
        fprintf(
            f,
            "contrastive loss %.5f nats%s; retrieval among %d at a time, by chance %.2f %% at the "
            "first place.\nCaptions that say the same count as right.\n",
            m->loss, one, m->n < e->recipe->batch ? (int)m->n : e->recipe->batch,
            100.0 / (m->n < e->recipe->batch ? (double)m->n : e->recipe->batch));
    else
        fprintf(f, "accuracy %.2f %%%s, mean negative log likelihood %.5f nats%s%s.\n",
                100.0 * m->accuracy, several ? " (mean over the attributes)" : "", m->loss,
                several ? " (their sum)" : "", one);
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
    fprintf(f, "; the weights are the running average (EMA).\n");
    if (e->texts) {
        char digest[GGDM_HASH_TEXT_SIZE];
        ggdm_hash_hex(e->texts->files.digest, digest);
        fprintf(f,
                "Texts are read by the text transformer of `%s` (SHA-256 `%s`), which is in "
                "`text_encoder/`; %g of the captions were left out in training.\n",
                e->recipe->text_encoder, digest, e->recipe->caption_dropout);
    }
    fputc('\n', f);
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
    fprintf(f, "- command: `%s`\n- `%s`: SHA-256 `%s`\n", e->command,
            ggdm_export_weights_file(e->arch), digest);
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
    card_curve(f, e->curve, e->final->accuracy < 0 ? NULL : ggdm_objective_accuracy_name(r));
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
