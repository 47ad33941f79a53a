"""The routes of the API, by what they are about; each hands its request to the part that carries it out."""
