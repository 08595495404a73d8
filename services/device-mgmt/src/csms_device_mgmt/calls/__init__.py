"""Calls: CALLs to stations as the API knows them, recorded, sent, awaited."""
