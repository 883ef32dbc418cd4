// Random numbers that are the same everywhere: splitmix32, on whole numbers alone.

export function makeRandom(seed) {
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x9e3779b9) >>> 0;
        let z = state;
        z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
        z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
        return (z ^ (z >>> 15)) >>> 0;
    };
    const below = (n) => Math.floor((next() * n) / 2 ** 32);
    return {
        chance: (p) => next() < p * 2 ** 32,
        pick: (values) => values[below(values.length)],
        shuffle: (values) => {
            for (let i = values.length - 1; i > 0; i--) {
                const j = below(i + 1);
                [values[i], values[j]] = [values[j], values[i]];
            }
            return values;
        },
    };
}
