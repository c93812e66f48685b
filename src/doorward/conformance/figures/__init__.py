"""The contract of FigureStore."""
