"""Serving: scene forecasts on request, in this process or on replicas of their own.

scenes ► ForecastService ┬ InProcess           holds a ScenePredictor, gathers what comes at once into batches
                         ├ RayServe            replicas that gather, each in a process of its own
                         ├ SocketService       the service of another process, such as `ranvier serve`
                         └ WithinDeadline      asks one, and answers with the other when it is late or away
promoted model ► Promotions ► reload, and no request is lost
"""
