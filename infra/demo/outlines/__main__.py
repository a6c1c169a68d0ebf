"""`python -m infra.demo.outlines`."""

from infra.demo.outlines.run import main

if __name__ == "__main__":
    main()
