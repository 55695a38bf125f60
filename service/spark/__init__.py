"""The search of a whole export on Spark: of the extra ``candor[spark]``, and imported only where it is asked for."""
