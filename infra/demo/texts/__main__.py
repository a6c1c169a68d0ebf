"""`python -m infra.demo.texts`."""

from infra.demo.texts.run import main

if __name__ == "__main__":
    main()
