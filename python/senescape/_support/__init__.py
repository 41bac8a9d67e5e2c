"""What every room uses: checks of arguments, files, optional packages, plain text tables."""
