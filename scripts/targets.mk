# Make targets that run scripts: linting, servers, crash and fuzz tests, benchmark, demo, install.

lint: ## include directions
	scripts/check-layers.sh
