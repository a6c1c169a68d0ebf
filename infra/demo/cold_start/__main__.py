"""Label drawn lots from nothing: `python -m infra.demo.cold_start`."""

from infra.demo.cold_start.run import main

if __name__ == "__main__":
    main()
