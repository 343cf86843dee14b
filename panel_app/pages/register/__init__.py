"""Register: models, versions, what is known of each, the gate, export; and a run's model as a new version.

page      the address, and what is shown of it
form      a run becomes a version
listing   models and versions as tables
facts     what is known of a version
card      the model card as HTML
gate      policies, the report, promote and roll back
export    ONNX, and what can be downloaded
"""

from panel_app.pages.register.page import RegisterPage

__all__ = ["RegisterPage"]
