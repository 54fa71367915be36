"""The built app; `sunsweep.server.app_site` finds it by this name."""
