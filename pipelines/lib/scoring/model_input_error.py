class ModelInputError(Exception):
    """What a training or a trained folder needs is missing, or does not belong to the rest.

    It needs no library of the training to be caught.
    """
