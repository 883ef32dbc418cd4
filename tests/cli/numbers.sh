#!/bin/bash
# Commands that print numbers to be compared with other programs': the chain of `ggdm schedule` is
# that of GUIDANCE.md, `ggdm bench network` and `bench ops` measure (`bench dispatch` has a test of
# its own).
#   GGDM=PROGRAM tests/cli/numbers.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1

# The page's 1 / sqrt(ab) by the paper's t, rounded as there.
"$GGDM" schedule >table
awk -F '|' 'FNR == 1 { file++ }
    file == 1 { split($0, f, " "); if (f[2] ~ /^[0-9]+$/) found[f[2] + 1] = f[6] }
    file == 2 && $2 == " t " { for (i = 3; i < NF; i++) t[i] = $i + 0 }
    file == 2 && $2 == " 1 / sqrt(ab) " {
        for (i = 3; i < NF; i++) {
            gsub(/ /, "", $i)
            decimals = length($i) - index($i, ".")
            rounded = sprintf("%." decimals "f", found[t[i]])
            if (rounded != $i) { print "# t = " t[i] ": " rounded ", the page has " $i; bad = 1 }
            n++
        }
    }
    END { exit bad || n != 11 }' table "$root/docs/GUIDANCE.md"
report $? "a chain of all timesteps has the coefficients of GUIDANCE.md"
"$GGDM" schedule mnist-ddpm >of_model && cmp -s table of_model
report $? "the shipped model has that schedule"
"$GGDM" schedule --steps 7 --sampler '{kind: euler}' >once && "$GGDM" schedule --steps 7 --sampler '{kind: heun}' >twice && cmp -s once twice
report $? "a step that looks twice is one line"

# holds VARIANCE: the equations of "Chains" between the numbers of out.
holds() {
    awk -v variance="$1" -F '[:,]' '
        function near(a, b) { return (a - b) ^ 2 <= 1e-12 * b ^ 2 }
        /"t"/ { t[n++] = $2 + 0 }
        /"beta"/ { beta[n - 1] = $2 + 0 }
        /"alpha_bar"/ { ab[n - 1] = $2 + 0 }
        /"sigma"/ { sigma[n - 1] = $2 + 0 }
        END {
            ab[n] = 1
            for (i = 0; i < n; i++) {
                square = variance == "fixed_large" ? beta[i] : beta[i] * (1 - ab[i + 1]) / (1 - ab[i])
                if (t[i] != (n - 1 - i) * int(1000 / n) || !near(beta[i], 1 - ab[i] / ab[i + 1]) ||
                    !near(sigma[i], i + 1 < n ? sqrt(square) : 0)) {
                    print "# step " i ": t " t[i] ", beta " beta[i] ", sigma " sigma[i]
                    bad = 1
                }
            }
            exit bad || n != 7
        }' out
}
for variance in fixed_large fixed_small; do
    "$GGDM" schedule --steps 7 --sampler "{kind: ddpm, variance: $variance}" --json >out && holds $variance
    report $? "a short chain with $variance is that of GUIDANCE.md"
done

# chain OPTIONS...: the timesteps and alpha_bar of that chain.
chain() { "$GGDM" schedule --json "$@" | awk -F '[:,]' '/"t"/ { t = $2 + 0 } /"alpha_bar"/ { printf "%s%d %.6f", n++ ? ", " : "", t, $2 }'; }
[ "$(chain --kind squaredcos_cap_v2 --timesteps 4)" = "3 0.000144, 2 0.144272, 1 0.493844, 0 0.847012" ]
report $? "a cosine schedule" || chain --kind squaredcos_cap_v2 --timesteps 4
"$GGDM" schedule --kind squaredcos_cap_v2 --timesteps 4 --json >cosine.json &&
    "$GGDM" schedule --kind squaredcos_cap_v2 --timesteps 4 --beta-end 0.1 --json 2>err | cmp - cosine.json &&
    grep -q "warning: --beta-start and --beta-end have no meaning with --kind squaredcos_cap_v2" err
report $? "ends of betas that have none are worth a warning" || cat err
[ "$(chain --kind sigmoid --beta-start 0.1 --beta-end 0.2 --timesteps 3 --steps 2 --spacing trailing)" = "2 0.612021, 1 0.764790" ]
report $? "a sigmoid one, with a spacing" || chain --kind sigmoid --beta-start 0.1 --beta-end 0.2 --timesteps 3 --steps 2 --spacing trailing
[ "$(chain --steps 10 --spacing karras | sed 's/ 0\.[0-9]*//g')" = "999, 937, 864, 775, 663, 511, 301, 102, 18, 0" ]
report $? "the noise levels of EDM" || chain --steps 10 --spacing karras
[ "$(chain --timesteps 300 --respacing 3,2 | sed 's/ 0\.[0-9]*//g')" = "299, 150, 149, 74, 0" ]
report $? "a respacing" || chain --timesteps 300 --respacing 3,2

# figures NAME...: that many numbers above zero are in out.
figures() {
    for name in "$@"; do
        awk -v name="\"$name\":" '$1 == name { n++; bad = bad || !($2 + 0 > 0) } END { exit bad || !n }' out ||
            { echo "# $name: $(grep -m1 "\"$name\"" out)"; return 1; }
    done
}
zoo=$root/models/zoo
timeout 60 "$GGDM" bench network "$zoo/mnist-ddpm/config.json" --guide "$zoo/mnist-cnn/config.json" --batch 2 --seconds 1 --json >out 2>err &&
    figures {forward,guided}_{,best_,cpu_}ms_per_image {forward,guided}_runs forward_gflop_per_image peak_gflops peak_share
report $? "a network with random weights is measured" || cat err
timeout 60 "$GGDM" bench network "$zoo/mnist-noisy-cnn/config.json" --batch 2 --seconds 1 --json >out 2>err &&
    figures forward_{,best_,cpu_}ms_per_image forward_runs forward_gflop_per_image peak_gflops peak_share
report $? "so is a classifier alone" || cat err
cat >clip.json <<'end'
{"architectures": ["CLIPModel"], "projection_dim": 8,
 "text_config": {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
                 "vocab_size": 20, "max_position_embeddings": 7, "eos_token_id": 2},
 "vision_config": {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
                   "image_size": 16, "patch_size": 8}}
end
timeout 60 "$GGDM" bench network clip.json --batch 2 --seconds 1 --json >out 2>err &&
    figures {forward,gradient}_{,best_,cpu_}ms_per_image {forward,gradient}_runs peak_share gradient_peak_share
report $? "an encoder of images is measured with the gradient to them, too" || cat err
sed 's/"patch_size": 8/&, "num_channels": 1/' clip.json >grey.json
timeout 60 "$GGDM" bench network "$zoo/mnist-ddpm/config.json" --guide grey.json --batch 2 --seconds 1 --json >out 2>err &&
    figures guided_{,best_,cpu_}ms_per_image guided_runs
report $? "and a network of images and texts can be the guide" || cat err
timeout 60 "$GGDM" bench ops --milliseconds 1 --batch 2 >out 2>err &&
    figures n median_us best_us with_gradient_us gbytes_per_second && [ "$(grep -c '"op":' out)" -ge 10 ]
report $? "the ops of the shipped models are measured" || cat err
exit "$failed"
