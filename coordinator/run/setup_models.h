/* The part of a setup that is about models and files, for coordinator/run/setup*.c. */
#ifndef GGDM_COORDINATOR_SETUP_MODELS_H
#define GGDM_COORDINATOR_SETUP_MODELS_H

#include "coordinator/run/setup.h"

/** A resolver that finds, opens and checks what the sweep names: setup->models, refs, files,
 *  outfit.models and outfit.pictures grow as it is asked.  What goes together setup->costs knows.
 */
ggdm_resolver ggdm_setup_resolver(ggdm_setup *setup);

/** The model part of that (ggdm_resolver.model). */
ggdm_status ggdm_setup_resolve_model(void *context, const ggdm_param *row, const char *name,
                                     const char **digest, int32_t *classes, ggdm_error *err);
/** Who reads the prompt of a condition that does not say it: text_encoder/ of the stage's model.
 *  Errors: GGDM_EINVAL at the prompt. */
ggdm_status ggdm_setup_complete_condition(ggdm_setup *setup, ggdm_item *stage, ggdm_error *err);
/** Its prompts (ggdm_resolver.text). */
ggdm_status ggdm_setup_check_prompt(void *context, const char *digest, const char *text,
                                    bool truncate, ggdm_error *err);

/** The file part of that: pictures, decoded here (coordinator/run/setup_assets.c), or, where a file
 *  is not there any more, those that the run in setup->run_dir has of this sweep. */
ggdm_status ggdm_setup_resolve_file(void *context, const ggdm_param *row, const char *name,
                                    const char **digest, ggdm_error *err);

/** Open a model of the run that no name of this sweep has brought, and check its digest.
 *  Errors: those of the files; GGDM_ESTATE where another model has the name now. */
ggdm_status ggdm_setup_add_model(ggdm_setup *setup, const char *name, const char *digest,
                                 ggdm_error *err);

/** Pictures of the run that no path of this sweep has brought.  Errors: GGDM_EFORMAT. */
ggdm_status ggdm_setup_add_pictures(ggdm_setup *setup, ggdm_store *store, ggdm_error *err);

/** Do the chains of the cells' samplers fit what the models were trained with?  setup->notes gets
 *  what was assumed.  Errors: GGDM_EINVAL with position. */
ggdm_status ggdm_setup_check_chains(ggdm_setup *setup, ggdm_error *err);

/** Put the notes of the cells among those of the setup. */
ggdm_status ggdm_setup_note_scorers(ggdm_setup *setup, ggdm_error *err);

/** Warn of judges that guide. */
void ggdm_setup_warn_of_judges(const ggdm_setup *setup);

/** Record in dir which directories the sweep's models are (coordinator/run/model_paths.h).
 *  Errors: GGDM_EIO. */
ggdm_status ggdm_setup_freeze_models(const ggdm_setup *setup, const char *dir, ggdm_error *err);

void ggdm_setup_models_deinit(ggdm_setup *setup);
void ggdm_setup_files_deinit(ggdm_setup *setup);

#endif
