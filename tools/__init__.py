"""Programs for those who work on Senescape: `make help` lists them. None of them is installed with the package."""
