// What a face can have.  An attribute is drawn first, evenly and independently of the others, then a
// part of DiceBear's pixel-art that shows it; left out are parts that leave one in doubt (half a
// smile, hair down one side) or that nobody sees at this size.

const numbered = (prefix, ...numbers) => numbers.map((n) => prefix + String(n).padStart(2, '0'));

// Groups in the order of attributes.json; the share of `yes`, or even shares of the classes.
export const attributes = [
    { name: 'glasses', classes: ['no', 'yes'], yes: 0.4 },
    { name: 'hat', classes: ['no', 'yes'], yes: 0.35 },
    { name: 'beard', classes: ['no', 'yes'], yes: 0.4 },
    { name: 'smile', classes: ['no', 'yes'], yes: 0.5 },
    { name: 'hair_length', classes: ['short', 'long'] },
    { name: 'hair_colour', classes: ['blond', 'brown', 'black', 'red', 'grey'] },
    { name: 'clothes_colour', classes: ['red', 'green', 'blue', 'yellow'] },
];

// Long: down both sides, to the chin or further.  Under a hat only that is short hair which is still
// to be seen.
const hair = {
    long: numbered('long', 1, 2, 3, 4, 7, 8, 9, 12, 13, 16, 18, 20, 21),
    short: numbered('short', 1, 2, 3, 4, 6, 8, 9, 10, 14, 15, 16, 17, 18, 19, 22, 24),
    'short, under a hat': numbered('short', 1, 14, 15, 17, 18),
};
const hairColours = {
    blond: ['e0b030', 'd9a520', 'e8bd45'],
    brown: ['4a2a12', '573419', '633c1e'],
    black: ['14110f', '1f1b1a', '0c0c14'],
    red: ['b8431a', 'c9501f', 'a83a14'],
    grey: ['b4b4b4', 'c4c4c4', '9c9c9c'],
};
const clothesColours = {
    red: ['d11141', 'ae0001', 'c62828'],
    green: ['00b159', '44c585', '2e8b57'],
    blue: ['428bca', '03396c', '1f6fb5'],
    yellow: ['ffd969', 'ffc425', 'f2c80f'],
};
// A mouth smiles when both corners, or the one end of a line, are up.
const mouths = {
    yes: numbered('happy', 6, 7, 8, 9, 12),
    no: numbered('sad', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
};
const glasses = [...numbered('dark', 1, 2, 3, 5, 6, 7), ...numbered('light', 1, 2, 3, 5, 6, 7)];
const beards = numbered('variant', 1, 3, 5, 6, 7, 8);
const hats = numbered('variant', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
const clothes = numbered('variant', 1, 3, 4, 5, 6, 8, 11, 12, 13, 14, 16, 17, 23);
const eyes = numbered('variant', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);

// Colours of what is no attribute: unlike those of hair and clothes where they meet.
const hatColours = ['2663a3', '3d8a6b', 'cc6192', '614f8a'];
const glassesColours = ['4b4b4b', '323232', '191919', '43677d', 'a04b5d'];
const mouthColours = ['e35d6a', 'de0f0d', 'c9304a'];
const eyesColours = ['76778b', '697b94', '647b90', '5b7c8b', '588387', '876658'];
const skins = ['ffdbac', 'f5cfa0', 'eac393', 'e0b687', 'cb9e6e', 'b68655', 'a26d3d', '8d5524'];
const backgrounds = ['dfe9f5', 'e8e2f4', 'f6e6dc', 'e3f0e3'];

/** Classes by group's name, drawn by random (random.mjs). */
export function drawAttributes(random) {
    const drawn = {};
    for (const { name, classes, yes } of attributes)
        drawn[name] = yes ? classes[Number(random.chance(yes))] : random.pick(classes);
    return drawn;
}

/** Options of DiceBear's createAvatar that show these attributes. */
export function drawParts(a, random) {
    const one = (values) => [random.pick(values)];
    const bare = a.hat === 'no' || a.hair_length === 'long';
    const percent = (group) => (a[group] === 'yes' ? 100 : 0);
    return {
        backgroundColor: one(backgrounds),
        skinColor: one(skins),
        eyes: one(eyes),
        eyesColor: one(eyesColours),
        mouth: one(mouths[a.smile]),
        mouthColor: one(mouthColours),
        hair: one(bare ? hair[a.hair_length] : hair['short, under a hat']),
        hairColor: one(hairColours[a.hair_colour]),
        clothing: one(clothes),
        clothingColor: one(clothesColours[a.clothes_colour]),
        glasses: one(glasses),
        glassesColor: one(glassesColours),
        glassesProbability: percent('glasses'),
        hat: one(hats),
        hatColor: one(hatColours),
        hatProbability: percent('hat'),
        beard: one(beards),
        beardProbability: percent('beard'),
        accessoriesProbability: 0,
    };
}
