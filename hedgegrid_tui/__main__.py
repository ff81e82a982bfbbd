"""`python -m hedgegrid_tui` is `hedgegrid`."""

from hedgegrid_tui.start import main

if __name__ == "__main__":
    main()
