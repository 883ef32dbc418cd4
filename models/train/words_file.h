/* A file of words about pictures that it names: captions.csv or .jsonl, or metadata.csv or .jsonl,
 * as "imagefolder" of Hugging Face has them, in the folder from which the names go. */
#ifndef GGDM_MODELS_TRAIN_WORDS_FILE_H
#define GGDM_MODELS_TRAIN_WORDS_FILE_H

#include "common/intern.h"
#include "models/train/words.h"

/** Is a file of this name one? */
bool ggdm_words_file_is_one(const char *name);

/** Read what the file at path says: pictures by number are the names' texts.  A line of JSON is an
 *  object with "file_name"; a csv has columns file_name and caption (or text), others do not
 * matter. Errors: GGDM_EFORMAT, GGDM_EINVAL naming file and line: of no picture that is there, of
 * one twice (all such lines); those of words.h. */
ggdm_status ggdm_words_file_read(ggdm_words *words, const char *path, const ggdm_intern *names,
                                 ggdm_error *err);

#endif
