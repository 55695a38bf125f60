"""What the service does with one chart: screen it, say so, and have the result kept where the hospital sees it."""
