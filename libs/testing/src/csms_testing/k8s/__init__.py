"""The chart on a real cluster: installed, loaded by stations from outside, broken, upgraded, rolled back."""
