"""What PyPI's Optuna reads in the file of one of our studies, as JSON: python optuna_file.py STUDY.db"""

import json
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.load_study(study_name=None, storage=f"sqlite:///{sys.argv[1]}")
best = study.best_trial
importances = optuna.importance.get_param_importances(study)
frame = study.trials_dataframe()
# Optuna writes into the file as well: a trial that it is asked for, with the space that it finds there.
study.enqueue_trial(best.params)
asked = study.ask({name: distribution for name, distribution in best.distributions.items()})
print(
    json.dumps(
        {
            "version": optuna.__version__,
            "name": study.study_name,
            "direction": study.direction.name,
            "metricNames": study.metric_names,
            "userAttributes": study.user_attrs,
            "best": {"number": best.number, "value": best.value, "params": best.params},
            "importances": importances,
            "columns": list(frame.columns),
            "rows": len(frame),
            "askedParams": asked.params,
            "trials": [
                {
                    "number": trial.number,
                    "state": trial.state.name,
                    "value": trial.value,
                    "params": trial.params,
                    "intermediate": {str(step): value for step, value in trial.intermediate_values.items()},
                    "userAttributes": trial.user_attrs,
                    "hasDuration": trial.duration is not None,
                }
                for trial in study.trials
                if trial.number != asked.number
            ],
        }
    )
)
