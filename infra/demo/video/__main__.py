"""`python -m infra.demo.video`."""

from infra.demo.video.run import main

if __name__ == "__main__":
    main()
