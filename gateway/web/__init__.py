"""The window: pages over HTTP. The only room that knows Starlette and uvicorn; behind a proxy that speaks HTTPS."""
