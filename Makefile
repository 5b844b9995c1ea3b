# egate: `make demo` shows it, `make test` proves it. What each step does is in setup/.

CARGO := cargo
FEATURES := --all-features
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo nextest)
export EGATE_VAR := $(CURDIR)/var

.PHONY: demo test bench fuzz lint clean setup

demo: setup                      ## central, console and one lane on simulated devices
	$(CARGO) build $(FEATURES) --bin egate
	$(CARGO) run --quiet $(FEATURES) --bin egate -- demo $(ARGS)

test: setup                      ## every test, the browser's and the replayed fixtures' among them
	@setup/system.sh --tests
	$(CARGO) test --doc $(FEATURES)
	$(CARGO) $(if $(NEXTEST),nextest run,test) $(FEATURES)

bench: setup                     ## ratios against the raw library or the physical limit, same run
	$(CARGO) bench $(FEATURES)
	@if [ -x var/venv/bin/python ]; then var/venv/bin/python benches/opencv.py var; else python3 benches/opencv.py var; fi

# No sanitizer: the code is safe Rust, and without one the stable toolchain suffices (`cargo install cargo-fuzz`).
FUZZ_SECONDS := 20
FUZZ_TARGETS = $(shell $(CARGO) fuzz list)

fuzz:                            ## every parser of outside bytes, FUZZ_SECONDS each; FUZZ_TARGETS=dg2 for one
	$(CARGO) fuzz build --sanitizer none
	set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target; \
		$(CARGO) fuzz run --sanitizer none $$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10; \
	done

lint:                            ## formatting, clippy, documentation, licences
	$(CARGO) fmt --check
	$(CARGO) clippy $(FEATURES) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(FEATURES) --no-deps --quiet
	python3 setup/licences.py

setup:                           # system packages, then runtime, models and pictures; nothing twice
	@setup/system.sh
	@python3 setup/fetch.py

clean:
	$(CARGO) clean
	rm -rf var
