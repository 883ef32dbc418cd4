#!/bin/bash
# Who may include whom, and which file may know which library (docs/DESIGN.md, "Layers").
# Every violation is printed as FILE:LINE: reason.  Exit status 1 if there is any.
#
#   scripts/check_layers.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

folders=(common models jobs worker evaluate coordinator slurm)
existing=()
for f in "${folders[@]}"; do [ -d "$f" ] && existing+=("$f"); done

includes() {
    grep -rnE --include='*.c' --include='*.h' '^[[:space:]]*#[[:space:]]*include' "${existing[@]}" || true
}

includes | awk '
BEGIN {
    # Folder -> what its files may include of ours: folders, or single headers.  The longest
    # matching folder counts.
    may["common"]       = "common"
    may["models"]       = "common models"
    may["models/nn"]    = "common models/nn"
    may["models/arch"]  = "common models/nn models/arch"
    may["jobs"]         = "common jobs"
    may["worker"]       = "common models worker jobs/messages.h jobs/catalogue.h jobs/item.h jobs/recipe.h jobs/record.h jobs/step_cost.h"
    may["evaluate"]     = "common models jobs evaluate"
    may["slurm"]        = "common slurm"
    may["coordinator"]       = "common models jobs worker evaluate coordinator slurm"
    may["coordinator/cmd"]   = "common models jobs worker evaluate coordinator slurm"
    may["coordinator/show"]  = "common jobs slurm coordinator/show coordinator/run coordinator/world evaluate/surface.h evaluate/front.h evaluate/metrics.h evaluate/next_sweep.h"
    may["coordinator/run"]   = "common models jobs worker slurm coordinator/run coordinator/world"
    may["coordinator/world"] = "common jobs slurm coordinator/world"

    # Header (pattern) -> the files (patterns) that may include it.
    n = 0
    rule("sqlite3\\.h",              "jobs/store[^/]*\\.c")
    rule("mpi\\.h",                  "common/transport_mpi\\.c|common/collective_mpi\\.c|evaluate/scalapack\\.c")
    rule("(oneapi/dnnl/)?dnnl.*\\.h", "models/nn/onednn[^/]*\\.[ch]")
    rule("omp\\.h",                 "common/threads\\.c|models/nn/.*\\.c")
    rule("png\\.h",                  "common/png[^/]*\\.c")
    rule("(jpeglib|jerror)\\.h",    "common/jpeg_image\\.c")
    rule("gif_lib\\.h",            "common/gif_image\\.c")
    rule("yaml\\.h",                 "common/yaml\\.c")
    rule("jansson\\.h",              "common/json\\.c")
    rule("archive(_entry)?\\.h",     "common/(container|source)\\.c")
    rule("zlib\\.h",                "common/source\\.c")
    rule("unicode/.*",              "models/io/clean_text\\.c")
    rule("libxml/.*",               "models/io/clean_text\\.c")
    rule("nettle/.*",                "common/hash\\.c")
    rule("cblas.*\\.h",            "evaluate/matrix\\.c")
    rule("lapacke?.*\\.h",         "evaluate/(eigen|cholesky)\\.c")
    rule("(imm|x86|[a-z]mm)intrin\\.h|arm_neon\\.h", ".*_(avx2|avx512)\\.c")
    # (Files of others are read, not mapped: common/fs.h says why.)
    rule("sys/mman\\.h",            "common/(fs|mem|transport_mpi)\\.c|jobs/gnuplot\\.c|coordinator/cmd/disk_check\\.c")
    rule("cmocka\\.h",               "nothing")
    rule("models/nn/graph_impl\\.h", "models/nn/.*")
}
function rule(header, files) { header_of[n] = "^(" header ")$"; files_of[n] = "^(" files ")$"; n++ }
function complain(why) { print file ":" line ": " why; bad = 1 }
function owner(path,    best, f) {
    best = ""
    for (f in may)
        if (index(path, f "/") == 1 && length(f) > length(best))
            best = f
    return best
}
function allowed(list, header,    part, i, k) {
    k = split(list, part, " ")
    for (i = 1; i <= k; i++)
        if (header == part[i] || index(header, part[i] "/") == 1)
            return 1
    return 0
}
{
    split($0, field, ":")
    file = field[1]; line = field[2]
    if (!match($0, /["<][^">]*[">]/))
        next
    quote = substr($0, RSTART, 1)
    header = substr($0, RSTART + 1, RLENGTH - 2)
    for (i = 0; i < n; i++)
        if (header ~ header_of[i] && file !~ files_of[i])
            complain(header " may not be included here (only in " files_of[i] ")")
    if (quote == "<")
        next
    folder = owner(file)
    if (header !~ /\//)
        complain("\"" header "\": write includes from the root of the tree")
    else if (!allowed(may[folder], header))
        complain(folder " may not include " header " (allowed: " may[folder] ")")
}
END { exit bad }' && status=0 || status=1

# File names are unique in the tree: messages and backtraces name files without their folder.  Only
# the kinds of methods are called as users call them, in a folder for each family.
while read -r name; do
    find "${existing[@]}" tests -name "$name" -printf '%p:1: another file has the same name\n' | sort
    status=1
done < <(find "${existing[@]}" tests \( -name '*.c' -o -name '*.h' \) -printf '%p\n' |
    sed -E 's,.*/(samplers|guidance|losses|scorers)/[^/]*$,,; s,.*/,,' | grep . | sort | uniq -d)

exit "$status"
