"""`python -m web`: the web console as one part of a stack."""

from settings import read_settings
from web.app import serve

if __name__ == "__main__":
    serve(read_settings())
