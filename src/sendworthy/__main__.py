"""`python -m sendworthy` is the same program as `sendworthy`."""

from sendworthy.cli.main import main

if __name__ == "__main__":
    main()
