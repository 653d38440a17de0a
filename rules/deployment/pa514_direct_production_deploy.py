import re

from pipeaudit.rule import Confidence, Iterator, Match, Project, Severity, StageKind, rule

_BEFORE = re.compile(r"(^|[^a-z])(dev|development|stag(e|ing)|uat|qa|preprod|sandbox|test)([^a-z]|$)", re.IGNORECASE)


@rule(
    "PA514",
    Severity.WARNING,
    ceiling=Confidence.MEDIUM,
    stage=StageKind.DEPLOYMENT,
    controls=("ANT-4", "DEP-2"),
)
def direct_production_deploy(project: Project) -> Iterator[Match]:
    """A push releases the model or service at once: no test, stage, approval or way back stands before production.

    The first to meet a faulty model are its users, and nothing takes it back.

    Bad, in .github/workflows/deploy.yml:

        on: {push: {branches: [main]}}
        jobs:
          deploy:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: kubectl apply -f k8s/prod

    And in train.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        X, y = load_iris(return_X_y=True)
        joblib.dump(LogisticRegression().fit(X, y), "model.pkl")

    Good, in .github/workflows/deploy.yml:

        on: {push: {branches: [main]}}
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: pytest
          deploy:
            needs: test
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: kubectl apply -f k8s/prod

    And in train.py:

        import joblib
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        X, y = load_iris(return_X_y=True)
        joblib.dump(LogisticRegression().fit(X, y), "model.pkl")

    Fix: run the tests and the model's checks in a job that the deployment needs; protect the environment, or roll out
    in steps that can go back.

    Not seen: protection rules that live in the settings of the platform. Silent where a cluster takes what git holds
    (GitOps), where another workflow deploys to a stage before, and for documents and packages.

    Source: ML Test Score, Infra 6 and 7.
    """
    if project.profile not in ("full", "service", "training") or project.evidence("gitops"):
        return
    deployments = project.evidence("deploy-ungated")
    if any(_BEFORE.search(f"{found.at.path} {found.what}") for found in deployments):
        return
    for found in deployments:
        yield Match(
            found.at,
            f"a push {found.what}, with no test, stage, approval or way back before it",
            confidence=Confidence.MEDIUM,
            fix="Let the deployment need a job that tests the model, or an approval.",
        )
