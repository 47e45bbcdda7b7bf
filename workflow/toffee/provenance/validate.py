def validate_crate(path):
    return []
