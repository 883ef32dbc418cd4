# ggdm.  `make help` lists the targets.  Everything built lands in build/$(MODE)/.
MODE ?= release
MODES := release debug asan fuzz
B := build/$(MODE)
$(if $(filter $(MODE),$(MODES)),,$(error MODE=$(MODE) is not one of: $(MODES)))

# libFuzzer and the runtime of its sanitizers are clang's.
CC.fuzz := clang
ifdef CC.$(MODE)
CC := $(CC.$(MODE))
endif
CC ?= gcc
JOBS ?= $(shell nproc)
# Warnings are errors in CI; elsewhere a newer compiler must not stop a user.
WERROR ?= $(CI)
OPT.release := -O3 -g
OPT.debug   := -O0 -g3
sanitize    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all
OPT.asan    := $(sanitize)
OPT.fuzz    := $(sanitize) -fsanitize=fuzzer-no-link

# Instruction set by file suffix: nothing else may use intrinsics (no -march=native: the program
# chooses at run time).
ISA.avx2   := -mavx2 -mfma -mf16c
# (BF16 only where intrinsics ask for it: bf16 graphs are refused on machines that lack it.)
ISA.avx512 := $(ISA.avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wundef \
        -Wvla -Wformat=2 $(if $(WERROR),-Werror)
# (gcc is the compiler whose warnings are looked at.)
WARN.fuzz := -w
PKGS := yaml-0.1 jansson libarchive zlib icu-uc libxml-2.0 nettle libpng libjpeg libgif sqlite3 lapacke blas scalapack-openmpi ompi-c
CPPFLAGS += -I. -D_GNU_SOURCE -MMD -MP
CFLAGS   += -std=c11 -ffp-contract=off -fno-math-errno -fopenmp $(OPT.$(MODE)) $(or $(WARN.$(MODE)),$(WARN)) $(PKG_CFLAGS)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
LDFLAGS  += -fopenmp $(filter -fsanitize=%,$(OPT.$(MODE)))
LDLIBS   += -ldnnl $(PKG_LIBS) -lm

isa_of = $(firstword $(filter avx2 avx512,$(subst _, ,$(basename $(notdir $(1))))))
lib.c  := $(sort $(wildcard common/*.c models/*.c models/*/*.c jobs/*.c worker/*.c worker/*/*.c evaluate/*.c slurm/*.c coordinator/*/*.c))
lib.o  := $(lib.c:%.c=$(B)/%.o)
test.c := $(sort $(wildcard tests/unit/test_*.c tests/kernels/test_*.c tests/grad/test_*.c \
                            tests/golden/test_*.c tests/property/test_*.c tests/fuzz/test_*.c))
tests  := $(test.c:%.c=$(B)/%)
# Programs of the tests that are scripts: tests/mpi/*.sh and tests/cli/*.sh.
mpi.c  := $(sort $(filter-out tests/mpi/poison.c,$(wildcard tests/mpi/*.c)))
mpi.x  := $(mpi.c:%.c=$(B)/%) $(B)/tests/mpi/poison.so
scripts := $(sort $(wildcard tests/cli/*.sh tests/mpi/*.sh tests/web/*.sh))
run_tests := GGDM=$(abspath $(B)/ggdm) TOOLS=$(abspath $(B)/tests/mpi) scripts/run_tests.sh
support.o := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/*.c) tests/fuzz/fuzz.c \
                                            $(wildcard tests/fuzz/target_*.c)))

.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps demo demo-text docs bench bench-compare bench-peers bench-pytorch bench-grid bench-dispatch bench-report test test-trixie test-slurm test-soak check check-networks check-run asan lint format check-layers fuzz fuzzers clean help FORCE

## all: build the program, build/release/ggdm
all: $(B)/ggdm

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@printf '  %-5s %s\n' CC $<
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(ISA.$(call isa_of,$<)) -c $< -o $@

# The template of batch scripts is a part of the program (.incbin).
$(B)/slurm/script.o: slurm/run.sbatch

# So is the page of the report, of several files.
page := coordinator/show/page
$(B)/page.html: scripts/page.sh $(wildcard $(page)/*.* $(page)/*/*.*)
	@mkdir -p $(@D)
	@scripts/page.sh $(page)/template.html > $@
$(B)/coordinator/show/page_text.o: $(B)/page.html
$(B)/coordinator/show/page_text.o: CPPFLAGS += -DGGDM_PAGE='"$(B)/page.html"'

# Rebuild when the flags change: the stamp is rewritten only if its text differs.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(CPPFLAGS) $(CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(CFLAGS)' > $@
FORCE:

$(B)/libggdm.a: $(lib.o)
	@rm -f $@; $(AR) crD $@ $^

$(B)/ggdm: $(B)/coordinator/main.o $(B)/libggdm.a
	@printf '  %-5s %s\n' LINK $@
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# An archive, so that a test links only those helpers (and what they need) that it uses.
$(B)/libsupport.a: $(support.o)
	@rm -f $@; $(AR) crD $@ $^

$(B)/tests/mpi/poison.so: tests/mpi/poison.c $(B)/flags
	@mkdir -p $(@D)
	@printf '  %-5s %s\n' LINK $@
	@$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared $< -o $@

$(tests) $(filter-out %.so,$(mpi.x)): %: %.o $(B)/libsupport.a $(B)/libggdm.a
	@printf '  %-5s %s\n' LINK $@
	@$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

## deps: install the Debian packages that building and testing need
deps:
	@scripts/deps.sh

## demo: set up, build, and run a small Figure-4 sweep of the GGDM paper on the shipped models
demo: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(B)/ggdm run examples/mnist-demo.yaml --run runs/demo

## demo-text: the same for words: ten prompts on the shipped models of faces, guided by CLIP or not
demo-text: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@$(B)/ggdm run examples/faces-demo.yaml --run runs/demo-text

# Once more with the kernels and products of older machines, where there are newer ones.
older_isa_tests = $(if $(shell grep -w avx512f /proc/cpuinfo),GGDM_ISA=avx2 $(filter %/test_ops %/test_golden %/test_invariance %/test_invariance_nets,$(tests)))

## test: set up, build, and run all tests (warnings are errors where CI is set)
test: deps
	@for p in readers web; do scripts/deps.sh $$p || echo "ggdm: tests that need these are skipped" >&2; done
	@$(MAKE) --no-print-directory -j$(JOBS) all $(tests) $(mpi.x)
	@$(run_tests) $(filter tests/mpi/% tests/web/%,$(scripts)) -- \
	              scripts/check_layers.sh $(tests) $(filter tests/cli/%,$(scripts)) $(older_isa_tests)

## bench: ops, networks, a sweep, training, memory: tables, and CSV files in build/bench (PARTS=...)
bench: $(B)/ggdm
	@/usr/bin/python3 tests/bench/bench.py $(B)/ggdm $(PARTS)

## bench-compare: this tree against REV=..., alternating; fails where it is slower beyond noise
bench-compare: $(B)/ggdm
	@/usr/bin/python3 tests/bench/compare.py $(B)/ggdm "$(REV)" $(ROUNDS)

# OpenBLAS is given by its path: which BLAS the system prefers is not ours to change; it chooses its
# kernels itself (some machines pin older ones by these variables).
with_openblas = env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE \
  LD_LIBRARY_PATH=$(firstword $(wildcard /usr/lib/*/openblas-openmp)) /usr/bin/python3
## bench-peers: PyTorch of Debian 12 and 13 and ONNX Runtime in turns with ours (HOLD=avx2: all held to it)
bench-peers: $(B)/ggdm
	@scripts/deps.sh pytorch
	@$(with_openblas) tests/bench/peers.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(HOLD),--hold $(HOLD)) $(B)/ggdm

## bench-pytorch: Inception and CLIP's image encoder under Debian's PyTorch, alternating with ours
bench-pytorch: $(B)/ggdm
	@scripts/deps.sh pytorch
	@for script in inception clip; do $(with_openblas) tests/bench/$$script.py $(B)/ggdm $(ROUNDS) || exit; done

## bench-grid: a grid of kappa x duration by `ggdm run` against a script in PyTorch, with the factors of the gain
bench-grid: $(B)/ggdm
	@for p in pytorch readers; do scripts/deps.sh $$p || exit; done
	@$(with_openblas) tests/bench/grid.py $(B)/ggdm $(ROUNDS)

## bench-dispatch: what the coordinator costs, on a sweep of UNITS (default: 1000000) units
bench-dispatch: $(B)/ggdm
	@$(B)/ggdm bench dispatch --units $(or $(UNITS),1000000)

## bench-report: the report of a run of 2,000 cells of 200 images: writing it, opening it in Chromium
bench-report: $(B)/ggdm $(mpi.x)
	@GGDM=$(abspath $(B)/ggdm) TOOLS=$(abspath $(B)/tests/mpi) tests/bench/report.sh

## test-slurm: submit, interrupt and resume on a real Slurm: two virtual nodes on this machine (root)
test-slurm:
	@scripts/deps.sh slurm
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/ggdm $(mpi.x)
	@$(run_tests) $(sort $(wildcard tests/slurm/*.sh))

## test-soak: what takes long: fuzzing, other processors, many worlds, and those of test-slurm
test-soak: $(B)/ggdm $(mpi.x) $(B)/tests/kernels/test_digests $(B)/tests/kernels/test_invariance $(B)/tests/unit/test_until $(B)/tests/unit/test_neighbours
	@for p in slurm fuzz qemu readers; do scripts/deps.sh $$p; done
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=fuzz fuzzers
	@$(run_tests) -t 100000 tests/fuzz/fuzz.sh $(sort $(wildcard tests/soak/*.sh tests/slurm/*.sh))

## check: the C tests only: no MPI world, no shell tests
check: $(tests)
	@$(run_tests) $(tests)

## check-run: run the program: command line, MPI worlds, interruption, identical bytes
check-run: $(B)/ggdm $(mpi.x)
	@$(run_tests) $(scripts)

# The tests that depend on oneDNN: ops, gradients, whole networks, the same bits for any batch.
network_tests := $(filter $(B)/tests/kernels/% $(B)/tests/grad/% $(B)/tests/golden/%,$(tests)) \
                 $(addprefix $(B)/tests/unit/,test_programs test_losses test_executor test_train \
                                              test_guided_gradients test_guided_bits)
check-networks: $(B)/ggdm $(network_tests)
	@$(B)/ggdm version
	@$(run_tests) $(network_tests)

## test-trixie: the tests of the networks with oneDNN 3, in a Debian 13 below build/ (needs root)
test-trixie:
	@scripts/trixie.sh check-networks

## asan: the same tests under the address and undefined-behaviour sanitizers
asan:
	@$(MAKE) --no-print-directory MODE=asan check

# One program; called by the name of a target it is the fuzzer of that.
fuzzers := $(patsubst tests/fuzz/corpus/%,$(B)/targets/%,$(wildcard tests/fuzz/corpus/*))
$(B)/tests/fuzz/libfuzzer: %: %.o $(B)/libsupport.a $(B)/libggdm.a
	@printf '  %-5s %s\n' LINK $@
	@$(CC) $(LDFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -lcmocka -o $@
$(fuzzers): $(B)/tests/fuzz/libfuzzer
	@mkdir -p $(@D)
	@ln -sf ../tests/fuzz/libfuzzer $@

fuzzers: $(fuzzers)

## fuzz: look for inputs that break a parser, SECONDS=60 for each of TARGETS (clang; by coverage)
fuzz:
	@scripts/deps.sh fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=fuzz fuzzers
	@FUZZ_SECONDS=$(SECONDS) FUZZ_TARGETS="$(TARGETS)" scripts/run_tests.sh -t 100000 tests/fuzz/fuzz.sh

## lint: static analysis (cppcheck) of all sources
lint:
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	  --error-exitcode=1 --suppress=missingInclude -I. common models jobs worker evaluate slurm coordinator

## format: let clang-format lay out all sources
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

## docs: write the reference tables of docs/GUIDANCE.md, which `make test` compares
docs: $(B)/ggdm
	@scripts/methods_tables.sh $(B)/ggdm > $(B)/GUIDANCE.md && cp $(B)/GUIDANCE.md docs/GUIDANCE.md

## check-layers: who may include whom, and which file may know which library (docs/DESIGN.md, "Layers")
check-layers:
	@scripts/check_layers.sh

## help: this list
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | sed 's/: /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: install uninstall dist deb test-deb
# What is installed, and where.  The program finds its models by its own path (models/find.c), so
# that an installed tree may be moved.
PREFIX ?= /usr/local
bin   = $(DESTDIR)$(PREFIX)/bin
share = $(DESTDIR)$(PREFIX)/share
own   = $(share)/ggdm
doc   = $(share)/doc/ggdm
version := $(shell sed -n 's/^const char ggdm_version\[\] = "\(.*\)";/\1/p' common/version.c)

## install: put program, models, examples, man pages and completions below PREFIX (and DESTDIR)
install: all
	@install -d $(bin) $(own) $(doc)
	@install -m 755 $(B)/ggdm $(bin)
	@cp -R --no-preserve=mode,ownership models/zoo examples $(own)
	@cp -R --no-preserve=mode,ownership README.md LICENSE docs $(doc)
	@$(B)/ggdm manual $(share)

## uninstall: remove what install has put there
uninstall:
	rm -rf $(bin)/ggdm $(own) $(doc) $(share)/man/man1/ggdm.1 $(share)/man/man1/ggdm-*.1 \
	  $(share)/bash-completion/completions/ggdm $(share)/zsh/site-functions/_ggdm

## dist: the sources of this commit, build/ggdm-VERSION.tar.gz, the same bytes each time
dist:
	@mkdir -p build
	@git archive --format=tar --prefix=ggdm-$(version)/ HEAD | gzip -9n > build/ggdm-$(version).tar.gz
	@echo build/ggdm-$(version).tar.gz

## deb: a Debian package of the program, build/ggdm_VERSION_ARCH.deb
deb:
	@scripts/deps.sh deb
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@packaging/deb.sh $(version)

## test-deb: build that package, install it, use it, remove it (root)
test-deb: $(B)/ggdm
	@$(run_tests) tests/soak/deb.sh

## clean: remove everything built
clean:
	rm -rf build

-include $(lib.o:.o=.d) $(B)/coordinator/main.d $(tests:=.d) $(mpi.x:=.d) $(support.o:.o=.d) $(B)/tests/fuzz/libfuzzer.d
