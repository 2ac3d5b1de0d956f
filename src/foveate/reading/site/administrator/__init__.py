"""The administrator's pages: set up, invite, watch, unblind, export. Blind themselves until then."""
