"""Live detection: sources, the pipeline, and what shows and records it.

======================  ==============================================================
``sources`` ``capture``  where frames come from; cameras and streams that come back
``cameras``              which cameras there are
``pipeline``             capture, detection and display at the same time
``auto_size``            the input size that keeps a frame rate
``resizing``             another input size while it runs
``tracking`` ``counting``  the same number for the same object; lines and zones
``meter``                frame age, rates and times
``overlay``              what is drawn onto the picture
``window`` ``web``       where it is shown
``recorder`` ``frame_log``  what is written
``watch``                the loop from the pipeline to all of these
======================  ==============================================================
"""
