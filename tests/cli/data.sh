#!/bin/bash
# `ggdm data`: what is missing is said, nothing is written that is not right, and captions of faces
# say only what is true (with node, where it is installed; no package of npm is needed).
#   GGDM=PROGRAM tests/cli/data.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
recipe=$root/models/zoo/recipes/faces

# refused 'WORDS' ARG...: `ggdm data ARG...` fails with the words and makes no folder.
refused() {
    local words=$1
    shift
    ! PATH=${programs:-$PATH} "$GGDM" data "$@" --out made >out 2>err && grep -qF -e "$words" err && [ ! -e made ]
    report $? "data $*: $words" || sed 's/^/# /' err
}

refused "expected mnist or faces" digits
GGDM=$(realpath "$GGDM")
mkdir bin
programs=$work/bin refused "apt-get install nodejs npm" faces
printf '#!/bin/sh\nexit 3\n' >bin/npm && chmod +x bin/npm
programs=$work/bin:$PATH refused "\`npm ci --ignore-scripts\` failed (exit code 3)" faces
mkdir from && echo "{}" >from/train.npz
refused "from/train.npz: SHA-256 is" faces --from from
refused "from/train-images-idx3-ubyte: No such file" mnist --from from

if command -v node >/dev/null; then
    cat >check.mjs <<END
import { drawAttributes } from '$recipe/parts.mjs';
import { drawCaption } from '$recipe/captions.mjs';
import { makeRandom } from '$recipe/random.mjs';
// What words mean; the rest must be words that say nothing of an attribute.
const meanings = [
    [/no glasses/, 'glasses', 'no'], [/glasses|spectacles/, 'glasses', 'yes'],
    [/no hat|hatless/, 'hat', 'no'], [/a hat/, 'hat', 'yes'],
    [/no beard|clean-shaven|beardless/, 'beard', 'no'], [/a beard|bearded|facial hair/, 'beard', 'yes'],
    [/no smile|not smiling|unsmiling|serious/, 'smile', 'no'], [/smil|happy/, 'smile', 'yes'],
    [/\b(short|long)\b/, 'hair_length'], [/\b(blonde?|brown|black|gr[ae]y)\b/, 'hair_colour'],
    [/\bred(?: hair|-haired)/, 'hair_colour', 'red'], [/\b(red|green|blue|yellow)(?! hair|-haired)\b/, 'clothes_colour'],
];
const no = (items) => items.split(/, | and /).map((item) => \`no \${item.replace('a ', '')}\`).join(', ');
const spelt = (text) => text.replace(/without (.*?)(?= (?:with|wearing|in|smiling|not)\b|\$)/, (_, items) => no(items));
const random = makeRandom(7), seen = new Set();
for (let i = 0; i < 3000; i++) {
    const a = drawAttributes(random), caption = spelt(drawCaption(a, random));
    const said = new Set();
    for (const [pattern, group, meant] of meanings) {
        const found = caption.match(pattern);
        if (!found || said.has(group)) continue;
        const is = meant ?? found[1].replace('blonde', 'blond').replace('gray', 'grey');
        said.add(group);
        seen.add(\`\${group} \${is}\`);
        if (is !== a[group]) throw new Error(\`\${caption}: \${group} is \${a[group]}\`);
    }
    if (!said.size) throw new Error(\`\${caption}: says nothing\`);
}
if (seen.size !== 19) throw new Error(\`\${seen.size} classes are spoken of\`);
END
    node check.mjs >out 2>&1
    report $? "captions of faces are true" || sed 's/^/# /' out
else
    echo "ok $((tap_number + 1)) - captions of faces are true # SKIP no node"
fi
exit "$failed"
