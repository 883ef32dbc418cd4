// A sentence about a face: some of its attributes, which are all true, in one of many wordings.

// What is said of a class: before the noun, after `with`, after `wearing`, or as a participle.
const words = {
    glasses: {
        yes: { with: ['glasses', 'glasses', 'eyeglasses', 'spectacles'], wearing: ['glasses', 'glasses', 'eyeglasses'] },
        no: { with: ['no glasses'], without: ['glasses'] },
    },
    hat: {
        yes: { with: ['a hat'], wearing: ['a hat'] },
        no: { with: ['no hat'], without: ['a hat'], adjective: ['hatless'] },
    },
    beard: {
        yes: { with: ['a beard', 'a beard', 'facial hair'], adjective: ['bearded'] },
        no: { with: ['no beard'], without: ['a beard'], adjective: ['clean-shaven', 'beardless'] },
    },
    smile: {
        yes: { with: ['a smile', 'a happy expression'], adjective: ['smiling', 'smiling', 'happy'], doing: ['smiling'] },
        no: { with: ['a serious expression', 'no smile'], adjective: ['serious', 'unsmiling'], doing: ['not smiling'] },
    },
};
// Hair, of which length and colour are said together.
const colours = { blond: ['blond', 'blonde'], brown: ['brown'], black: ['black'], red: ['red'], grey: ['grey', 'gray'] };

const subjects = [
    ['a', ['person', 'person', 'person', 'character', 'human']],
    ['a portrait of a', ['person', 'person', 'character']],
    ['portrait of a', ['person']],
    ['a picture of a', ['person', 'character']],
    ['an image of a', ['person']],
    ['a drawing of a', ['person']],
    ['an avatar of a', ['person']],
    ['pixel art of a', ['person', 'character']],
    ['a pixel art portrait of a', ['person']],
    ['a pixel art face of a', ['person', 'person', 'character']],
    ['the face of a', ['person']],
    ['a', ['face', 'face', 'pixel art face', 'portrait', 'cartoon face']],
];

// How often an attribute is spoken of, by what is so.
const shares = { yes: 0.6, no: 0.15, hair_length: 0.5, hair_colour: 0.55, clothes_colour: 0.2 };
const MOSTLY_WITH = 0.4;
const MOST_ADJECTIVES = 2;

function choose(a, random) {
    const share = (name) => shares[name] ?? shares[a[name]];
    const names = Object.keys(a);
    if (random.chance(0.2)) return [random.pick(names.filter((name) => a[name] !== 'no'))];
    const chosen = names.filter((name) => random.chance(share(name)));
    return chosen.length ? chosen : ['hair_colour'];
}

function sayHair(a, chosen, random) {
    const colour = chosen.includes('hair_colour') ? random.pick(colours[a.hair_colour]) : '';
    const length = chosen.includes('hair_length') ? a.hair_length : '';
    if (colour && length) return { with: [`${length} ${colour} hair`] };
    return { with: [`${length}${colour} hair`], adjective: [`${length}${colour}-haired`] };
}

const sayClothes = (colour) => ({
    with: [`${colour} clothes`, `a ${colour} shirt`],
    wearing: [colour, `${colour} clothes`, `a ${colour} shirt`],
    in: [`${colour} clothes`, `a ${colour} shirt`],
});

/** How each chosen attribute is said, in any order: [[form, words], ...]. */
function say(a, chosen, random) {
    const forms = chosen.filter((name) => words[name]).map((name) => words[name][a[name]]);
    if (chosen.some((name) => name.startsWith('hair'))) forms.push(sayHair(a, chosen, random));
    if (chosen.includes('clothes_colour')) forms.push(sayClothes(a.clothes_colour));
    return random.shuffle(forms).map((form) => {
        const how = random.chance(MOSTLY_WITH) ? 'with' : random.pick(Object.keys(form));
        return [how, random.pick(form[how]), form];
    });
}

const list = (items) =>
    items.length < 3 ? items.join(' and ') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;

/** What is left of the sentence once it has its noun; with too many adjectives some become `with`. */
function arrange(said, random) {
    const parts = { adjective: [], with: [], without: [], wearing: [], in: [], doing: [] };
    for (const [how, text, form] of said)
        if (how === 'adjective' && parts.adjective.length === MOST_ADJECTIVES)
            parts.with.push(random.pick(form.with));
        else parts[how].push(text);
    return parts;
}

/** Only the words, as people type them: "glasses, long blond hair, smiling". */
const asTags = (said) => said.map(([how, text]) => (how === 'without' ? `no ${text.replace(/^a /, '')}` : text)).join(', ');

/** A caption of a face with the attributes a (classes by group's name). */
export function drawCaption(a, random) {
    const said = say(a, choose(a, random), random);
    if (random.chance(0.06)) return asTags(said);
    const parts = arrange(said, random);
    const [before, nouns] = random.pick(subjects);
    const behind = ['with', 'without', 'wearing', 'in']
        .filter((kind) => parts[kind].length)
        .map((kind) => `${kind} ${list(parts[kind])}`);
    random.shuffle(behind).push(...parts.doing);
    const sentence = [before, ...parts.adjective, random.pick(nouns), ...behind].join(' ');
    return sentence.replace(/\ba (?=unsmiling)/, 'an ');
}
